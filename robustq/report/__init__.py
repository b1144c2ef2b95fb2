"""Turns numbers into words, tables and pictures. It takes plain data, never a run.

May import `metric`, `perturbation`, `model/` and `statistics/` and what stands below them.
"""
