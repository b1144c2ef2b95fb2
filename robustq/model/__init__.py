"""Our segmenter and its file: from a network to a model, to a bundle and back.

Imports from `data`, `network`, `request`, `scoring` and the contracts below them; nothing that runs or reports.
"""
