"""Numbers as words, tables and pictures. Takes plain data, never a run.

May import `metric`, `perturbation`, `model/` and `statistics/` and what stands below them.
"""
