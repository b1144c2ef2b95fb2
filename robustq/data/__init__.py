"""From a stored case to a prepared one.

Imports from the contract of a dataset, the registry and the files below them only.
"""
