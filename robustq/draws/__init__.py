"""From the name of a perturbation or an attack, a level and a number to a changed case.

May import `attack`, `latent/` and `report/` and what stands below them.
"""
