"""Views of a run: the same figures as tables and pictures."""
