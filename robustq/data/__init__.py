"""Opens datasets and prepares stored cases for a model.

May import `registry`, `whole_file`, `dataset` and `quantiser` and what stands below them.
"""
