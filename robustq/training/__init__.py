"""The paper's training recipe, resumable, and calibration without training.

Imports from `draws`, `model`, `data`, `scoring` and the contracts below them; never from `run` or `results`.
"""
