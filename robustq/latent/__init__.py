"""Vectors at the bottleneck: tokens, their nearest codes, the latents of a case, and how they move to first order.

Imports from `model`, `data` and the contracts below them.
"""
