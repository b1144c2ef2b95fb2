"""Overlap and surface metrics, as docs/definitions.md defines them."""
