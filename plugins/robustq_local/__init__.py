"""The executor that computes where the run was started."""
