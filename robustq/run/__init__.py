"""Doing it: plan the pieces, compute them, write their rows.

May import `results/`, `training/` and `executor` and what stands below them.
"""
