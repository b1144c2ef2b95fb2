"""Perturbations that imitate displays, cameras and file formats, written in PyTorch alone."""
