"""Why a model is robust, or not: analysers of its latents."""
