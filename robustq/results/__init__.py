"""What a run directory holds, and how it is written and read. Nothing here runs a model.

May import `analyser` and `draws/` and what stands below them.
"""
