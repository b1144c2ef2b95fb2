"""The executor `ray`, which computes on the workers of a Ray cluster, or of a Ray that it starts on this machine."""
