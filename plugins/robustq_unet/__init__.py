"""The paper's UNet."""
