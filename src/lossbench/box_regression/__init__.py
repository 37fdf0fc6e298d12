"""Boxes that follow the gradient of a loss by themselves, without a net: which losses bring them home."""
