"""Overlap and surface metrics, as the definitions say."""
