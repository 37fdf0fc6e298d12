"""A first answer for a person in a hurry: from a file to a loss within a minute."""
