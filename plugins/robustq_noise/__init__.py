"""Noise as perturbations: gaussian, salt-and-pepper, poisson, speckle and rician."""
