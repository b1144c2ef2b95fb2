"""Attacks that follow the gradient of the loss on the dense output."""
