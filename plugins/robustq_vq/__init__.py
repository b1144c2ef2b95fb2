"""The paper's quantiser, its relatives, and the matched baseline."""
