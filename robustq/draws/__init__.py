"""From the name of a perturbation or an attack, a level and a number to a changed case.

Imports from `request`, `model` and the contracts of perturbation, attack and dataset.
"""
