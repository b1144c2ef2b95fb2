"""The tables of the paper, each as lines of its figures beside ours."""
