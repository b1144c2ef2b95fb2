"""Doing it: plan the pieces, compute them one after the other, write their rows.

The topmost room: it may import from every other one but `testing`.
"""
