"""Draws: make a changed case from the name of a perturbation or an attack, a level and a number.

May import `attack`, `latent/` and `report/` and what stands below them.
"""
