"""Figures 1, 3 and 5: an image and the answers of the models, across domains and under salt-and-pepper noise."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from matplotlib.figure import Figure

from reproduction.line import Line, Value
from reproduction.one_case import OneCase
from reproduction.ours import Ours
from reproduction.table import Pictures, Table
from robustq.data.open_dataset import open_dataset
from robustq.report.level_pictures import LevelPictures
from robustq.report.predictions_figure import predictions_figure
from robustq.request.study import short_name
from robustq.results.gallery import read_level_pictures
from robustq.results.stress_run import Run
from robustq.results.study_file import Step
from robustq.run.stress import stress

NOISE, LEVEL = "salt-and-pepper", 30.0
"""The noise of Figures 3 and 5, and its level in percent."""

_CHOICE = (
    "The case whose Dice without noise is the median for the UNet of the first training seed: neither the best nor the "
    "worst. The paper does not say how it chose its images."
)


def across_domains(ours: Ours, folder: Path) -> tuple[Table, Pictures]:
    """Figure 1: a case of the other domain, for each pair of a training set and a test set."""
    names = {text: name for name, text in ours.data.items()}
    steps = [step for step in _first_seeds(ours) if step.train in names and step.test in names]
    pairs = {f"{names[step.train]} to {names[step.test]}": step for step in steps if step.train != step.test}
    shown = {pair: _without_noise(_pictures(ours, step, folder)) for pair, step in pairs.items()}
    return _table("Figure 1: answers in another domain", ours, shown, ("NIH", "JSRT", "BMC", "RUNMC"))


def under_noise(title: str, data: Sequence[str], ours: Ours, folder: Path) -> tuple[Table, Pictures]:
    """Figures 3 and 5: a case of the training domain, without noise and with salt-and-pepper noise.

    Args:
        title: what the figure shows.
        data: the data sets of the paper that it shows.
        ours: our study.
        folder: where the runs on single cases are kept.
    """
    steps = {step.train: step for step in _first_seeds(ours) if step.train == step.test}
    shown = {
        ours.section(name): _pictures(ours, steps[ours.data[name]], folder)
        for name in data
        if ours.data.get(name) in steps
    }
    return _table(title, ours, shown, data)


def _first_seeds(ours: Ours) -> list[Step]:
    """The stress run of the first training seed, for each training set and test set."""
    steps = [] if ours.study is None else ours.study.steps
    first: dict[tuple[str, str], Step] = {}
    for step in steps:
        if step.kind == "stress" and not step.reason:
            first.setdefault((step.train, step.test), step)
    return list(first.values())


def _pictures(ours: Ours, step: Step, folder: Path) -> LevelPictures:
    """What the models were shown of the chosen case, and what they answered."""
    assert ours.study is not None, "a step is one of a study"
    run = Run(ours.folder(step))
    chosen = {network: role for network, role in ours.architectures.items() if network in run.models}
    bundles = {
        role: ours.study.bundles[f"training {ours.roles[role]} of seed {run.spec(network).seed} on {step.train}"]
        for network, role in chosen.items()
    }
    (unet,) = (network for network, role in chosen.items() if role == "UNet")
    case = _median_case(run, unet)
    place = folder / "-".join(map(short_name, (step.train, step.test, case)))
    shown = stress(
        dict(sorted(bundles.items(), key=lambda item: list(ours.roles).index(item[0]))),
        OneCase(open_dataset(step.test), case),
        noise=[NOISE],
        levels=[LEVEL],
        draws=1,
        split="all",
        images=True,
        out=place,
    )
    (pictures,) = read_level_pictures(shown)
    return pictures


def _median_case(run: Run, network: str) -> str:
    rows = run.to_frame()
    clean = rows[(rows["model"] == network) & (rows["metric"] == "dice") & (rows["level"] == 0)]
    order = clean.groupby("case")["value"].mean().dropna().sort_values(kind="stable").index
    return str(order[(len(order) - 1) // 2])


def _without_noise(pictures: LevelPictures) -> LevelPictures:
    images, truths, answers = (
        {model: stack[:1] for model, stack in stacks.items()}
        for stacks in (pictures.images, pictures.truths, pictures.answers)
    )
    scores = {model: of_levels[:1] for model, of_levels in pictures.scores.items()}
    levels = pictures.levels[:1]
    return replace(pictures, levels=levels, images=images, truths=truths, answers=answers, scores=scores)


def _table(title: str, ours: Ours, shown: Mapping[str, LevelPictures], data: Sequence[str]) -> tuple[Table, Pictures]:
    lines = [
        Line(section, model, f"case {pictures.case}, {level:g} %", Value("a picture"), Value(score))
        for section, pictures in shown.items()
        for model, scores in pictures.scores.items()
        for level, score in zip(pictures.levels, scores, strict=True)
    ]
    table = Table(
        title, "case and level", lines, data, [_CHOICE, "One case is no evidence: the tables have the figures."]
    )

    def draw() -> dict[str, Figure]:
        figure = title.partition(":")[0].lower().replace(" ", "-")
        return {f"{figure}-{short_name(section)}": predictions_figure(pictures) for section, pictures in shown.items()}

    return table, draw
