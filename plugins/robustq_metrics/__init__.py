"""Metrics of overlap, surface and calibration, as docs/definitions.md defines them."""
