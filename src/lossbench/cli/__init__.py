"""What a person types and reads: arguments, help, refusals, a look before training."""
