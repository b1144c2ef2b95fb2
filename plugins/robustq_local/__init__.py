"""The executor `local`, which computes in the process that started the run."""
