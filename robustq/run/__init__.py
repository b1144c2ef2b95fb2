"""Plans the pieces of a run, computes them and writes their rows.

May import `results/`, `training/` and `executor` and what stands below them.
"""
