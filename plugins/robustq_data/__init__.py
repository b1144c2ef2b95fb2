"""Datasets: folders, tables, nnU-Net folders, and a phantom."""
