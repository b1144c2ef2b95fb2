"""Vectors at the bottleneck: tokens, their nearest codes, the latents of a case, and how tokens move to first order.

May import `metric`, `perturbation`, `model/` and `statistics/` and what stands below them.
"""
