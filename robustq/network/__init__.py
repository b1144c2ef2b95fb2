"""Anybody's nn.Module, seen from outside: how it runs, where it can be cut, what its output means.

May import `registry`, `whole_file`, `dataset` and `quantiser` and what stands below them.
"""
