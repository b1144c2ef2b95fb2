"""The number by which trainings that are kept know the code that made them."""

TRAINING_CODE = 1
"""Raise it by hand when the same request no longer trains the same network: another loss, augmentation, order of cases
or optimiser. `robustq study` then trains again instead of taking an earlier training."""
