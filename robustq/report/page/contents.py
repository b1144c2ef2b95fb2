"""What a page shows, as plain data; one part for each section of the page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from robustq.report.grid import Grid
from robustq.report.page.gallery import Picture
from robustq.report.page.levels import Levels
from robustq.report.page.verdict import Verdict


@dataclass(frozen=True)
class Chapter:
    """One stress run, or several side by side.

    Attributes:
        heading: names the runs.
        facts: short facts on the sample, such as `24 cases`.
        alerts: what a reader must not overlook, such as missed structures.
        comparisons: sentences on each model against the baseline, over all perturbations and under the worst of several
            attacks; without a baseline, what each model loses under the worst of several attacks.
        rankings: the ranking of the models by AUDC of Dice; empty where there is none.
        seeds: sentences on architectures of which several networks were trained.
        verdicts: sentences on each model under each perturbation, and on each model against the baseline.
        measures: each metric by model, perturbation and level.
        tables: the table of each metric, as a paper prints it.
        overlooked: counts of missed and invented structures by model.
    """

    heading: str
    facts: Sequence[str] = ()
    alerts: Sequence[str] = ()
    comparisons: Sequence[Verdict] = ()
    rankings: Sequence[Grid] = ()
    seeds: Sequence[str] = ()
    verdicts: Sequence[Verdict] = ()
    measures: Sequence[Levels] = ()
    tables: Sequence[Grid] = ()
    overlooked: Sequence[Grid] = ()


@dataclass(frozen=True)
class Explanation:
    """One analysis.

    Attributes:
        heading: names the analysis.
        verdicts: the verdict on each model.
        conclusions: what each check says of each model, in one sentence.
        tables: its tables.
        figures: its figures by name, as PNG files.
    """

    heading: str
    verdicts: Sequence[str] = ()
    conclusions: Sequence[str] = ()
    tables: Sequence[Grid] = ()
    figures: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Making:
    """How results were made.

    Attributes:
        heading: names the run.
        commands: the command lines, in the order in which they were given.
        facts: name and value of everything else, such as the seed.
        models: a row for each model, with its hash.
    """

    heading: str
    commands: Sequence[str] = ()
    facts: Sequence[tuple[str, str]] = ()
    models: Grid | None = None


@dataclass(frozen=True)
class Page:
    """A whole page.

    Attributes:
        title: its heading.
        notice: what the reader must know before the page is given to others.
        chapters: the stress runs.
        explanations: the analyses.
        gallery: the cases with the lowest scores.
        makings: how everything was made.
        left_out: sentences on what could not be shown, and why.
    """

    title: str
    notice: str = ""
    chapters: Sequence[Chapter] = ()
    explanations: Sequence[Explanation] = ()
    gallery: Sequence[Picture] = ()
    makings: Sequence[Making] = ()
    left_out: Sequence[str] = ()
