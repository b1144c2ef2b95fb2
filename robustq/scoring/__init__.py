"""One mask against one truth: boundaries, distances, Dice.

Imports from the contract of a dataset, the registry and the files below them only.
"""
