"""The executor `processes`, which computes on several processes of this machine."""
