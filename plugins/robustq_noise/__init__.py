"""Noise at graded levels."""
