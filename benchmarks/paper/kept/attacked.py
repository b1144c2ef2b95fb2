"""What attacks leave of the networks."""

from collections.abc import Sequence

from kept.seeds import NOTE, cell, patient_means
from robustq.report.grid import Grid
from robustq.report.numbers import percent
from robustq.results.stress_run import Run
from robustq.statistics.worst_of_attacks import worst_rows


def attacked_grid(runs: Sequence[Run], where: str) -> Grid:
    """Dice under the worst of all attacks and under each one, for each network and level; `where` ends the title."""
    frames = []
    for run in runs:
        frame = run.to_frame()
        frames += [frame, worst_rows(frame, run.attacks.competing)]
    means = patient_means(frames, ["dice"])
    names = ["worst", *runs[0].asked["attacks"]]
    lines = []
    for network, of_network in means.groupby("network"):
        clean = cell(of_network[of_network["level"] == 0])
        for level in sorted(set(of_network["level"]) - {0.0}):
            at = of_network[of_network["level"] == level]
            cells = [cell(at[at["perturbation"] == name]) for name in names]
            lines.append([str(network), percent(float(level)), clean, *cells])
    cases = means["group"].nunique()
    notes = [
        NOTE,
        "worst: for each image the answer with the lowest Dice of all attacks and transfers; a better attack could do "
        "more harm. A level is the largest change of a value (L-inf), in percent of the intensity range.",
        *(note for run in runs for note in run.attack_notes()),
    ]
    title = f"Dice under attack, {cases} test patients, {where}"
    return Grid(title, ["network", "level", "no attack", *names], [("", lines)], notes, names=2)
