"""The paper's UNet, and a variant with a transformer at its bottleneck."""
