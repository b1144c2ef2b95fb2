"""Vectors at the bottleneck: tokens, their nearest codes, a case's latents, and how these move to first order.

May import `metric`, `perturbation`, `model/` and `statistics/` and what stands below them.
"""
