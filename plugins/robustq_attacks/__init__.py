"""Attacks on the dense output: along the gradient of a loss on it, and by queries alone."""
