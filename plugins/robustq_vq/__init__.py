"""The paper's quantiser and its matched baseline."""
