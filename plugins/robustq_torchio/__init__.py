"""What goes wrong in a scanner, simulated by TorchIO (Pérez-García et al., CMPB 2021)."""
