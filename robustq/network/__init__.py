"""Handles any nn.Module from outside: runs it, finds where it can be cut, reads its output.

May import `registry`, `whole_file`, `dataset` and `quantiser` and what stands below them.
"""
