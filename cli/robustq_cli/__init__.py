"""The command line of robustq."""
