"""The page: one HTML file that shows results, opened from disk without a network. Takes plain data, never a run."""
