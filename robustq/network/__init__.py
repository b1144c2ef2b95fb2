"""Anybody's nn.Module, seen from outside: how it runs, where it can be cut, what its output means.

Imports from the registry and the contracts of architecture and quantiser only.
"""
