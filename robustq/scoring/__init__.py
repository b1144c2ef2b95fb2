"""One mask against one truth: boundaries, distances, Dice.

May import `registry`, `whole_file`, `dataset` and `quantiser` and what stands below them.
"""
