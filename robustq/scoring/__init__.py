"""Compares one predicted mask with one true mask: boundaries, distances, Dice.

May import `registry`, `whole_file`, `dataset` and `quantiser` and what stands below them.
"""
