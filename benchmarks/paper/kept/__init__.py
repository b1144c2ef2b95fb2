"""The tables of benchmarks/paper/RESULTS.md, from the rows that are kept in benchmarks/paper/results."""
