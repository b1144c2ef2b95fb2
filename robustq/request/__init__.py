"""Reads the text of options: levels, names, quantisers, checks, values. Never imports torch.

May import `registry`, `whole_file`, `dataset` and `quantiser` and what stands below them.
"""
