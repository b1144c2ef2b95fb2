"""Architectures of MONAI, which needs the extra `monai`."""
