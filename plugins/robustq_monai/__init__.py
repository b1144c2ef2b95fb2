"""Architectures of MONAI (extra `monai`)."""
