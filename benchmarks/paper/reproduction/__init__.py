"""The tables and figures of the paper, each beside what a study of ours measured."""
