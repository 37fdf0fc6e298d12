"""Each loss and its gradient beside its textbook property; nothing is trained."""
