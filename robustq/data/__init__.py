"""From a stored case to the case that a model sees: prepared, normalised, with named labels.

Imports from this folder, and from the registry, whole_file, the contracts of datasets and quantisers, requirements,
errors, shapes and architecture.
"""
