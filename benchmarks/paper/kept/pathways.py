"""What noise does through the bottleneck and around it."""

from collections.abc import Sequence

from kept.seeds import metrics_grid, patient_means
from robustq.report.grid import Grid
from robustq.results.analysis import Analysis

COLUMNS = {
    "pathway_loss": "loss of Dice",
    "through_bottleneck": "through the bottleneck",
    "around_bottleneck": "around it",
    "restorable": "restored by a clean bottleneck",
}


SKIPS = {f"restorable_by_skip_{scale}": f"skips of scale {scale}" for scale in range(1, 5)}


def skips_grid(analyses: Sequence[Analysis], where: str) -> Grid:
    """What each part of a network restores when it is held clean alone; `where` ends the title."""
    columns = {"pathway_loss": COLUMNS["pathway_loss"], **SKIPS, "restorable": "bottleneck"}
    means = patient_means([analysis.to_frame() for analysis in analyses], list(columns))
    return metrics_grid(f"Dice restored by a part that is held clean, {where}", means, columns, [])


def pathways_grid(analyses: Sequence[Analysis], where: str) -> Grid:
    """The loss of Dice and its two parts, for each network, noise and level; `where` ends the title."""
    means = patient_means([analysis.to_frame() for analysis in analyses], list(COLUMNS))
    notes = [
        "loss = through the bottleneck + around it (through the skips). Restored: Dice with the bottleneck from the "
        "clean image and everything else perturbed, minus Dice perturbed. Mixed passes are inputs that the decoder was "
        "not trained on, so a part can be negative or larger than the loss."
    ]
    return metrics_grid(f"Pathways of noise, {where}", means, COLUMNS, notes)
