"""What a run directory holds, and how it is read. Nothing here computes.

May import `analyser` and `draws/` and what stands below them.
"""
