"""From a stored case to a prepared one.

May import `registry`, `whole_file`, `dataset` and `quantiser` and what stands below them.
"""
