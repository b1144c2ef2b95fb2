"""Promises with a stated confidence: calibrated thresholds, and certificates of a smoothed model and of codes."""
