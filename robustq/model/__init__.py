"""The segmenter: how it is built from a network, how it predicts, and how its bundle is written and read.

May import `request/`, `data/`, `scoring/`, `network/`, `one_writer`, `raw_dataset` and what stands below them.
"""
