"""How a model gets its weights: the recipe, the batches, the epochs, and the file from which a training goes on.

Imports from this folder, and from everything below `run/` except `results/` and the executors.
"""
