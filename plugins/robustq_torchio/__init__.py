"""Perturbations that imitate faults of a scanner, by TorchIO (Pérez-García et al., CMPB 2021)."""
