"""Segmentation networks of torchvision."""
