"""The semantic segmentation networks of Hugging Face transformers, fresh or from a folder of theirs."""
