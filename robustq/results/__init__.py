"""What a run directory holds, and how it is read.

Imports from `report`, `statistics`, `model` and what stands below them; never from `run`: nothing here computes.
"""
