"""Architectures of segmentation-models-pytorch, with its own and timm's encoders."""
