"""Architectures of segmentation-models-pytorch, with encoders of this library and of timm."""
