"""Attacks that follow the gradient of the dense output."""
