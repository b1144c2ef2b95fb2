"""Our segmenter and its file: from a network to a model, to a bundle and back.

May import `request/`, `data/`, `scoring/` and `network/` and what stands below them.
"""
