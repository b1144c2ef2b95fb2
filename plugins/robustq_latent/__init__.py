"""Analysers of latents: why a model is robust, or why it is not."""
