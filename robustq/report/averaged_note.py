"""What the rows called "all" are the mean of."""

from robustq.statistics.robustness_differences import ALL


def averaged_note(perturbations: int) -> str:
    """A sentence on the mean over so many perturbations."""
    return f"{ALL}: the mean over the {perturbations} perturbations that are no attacks, each counted once."
