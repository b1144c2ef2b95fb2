"""The paper's training recipe, resumable, and calibration without training.

May import `analyser` and `draws/` and what stands below them.
"""
