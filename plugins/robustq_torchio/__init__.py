"""Perturbations that imitate faults of a scanner, as TorchIO 1.2 defines them (Pérez-García et al., CMPB 2021)."""
