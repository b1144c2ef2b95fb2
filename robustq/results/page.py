"""Makes the page of run directories: what `robustq report` writes, and `stress` and `analyse` at their end."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from robustq.errors import RequestError, unknown
from robustq.report.page.contents import Chapter, Explanation, Page
from robustq.report.page.render import render
from robustq.report.printable import lines_of
from robustq.results.analysis import Analysis
from robustq.results.directory import RunDirectory
from robustq.results.gallery import read_gallery
from robustq.results.likely_baseline import likely_baseline
from robustq.results.page_chapter import page_chapter
from robustq.results.page_making import page_making
from robustq.results.several_runs import join
from robustq.results.stress_run import Run
from robustq.storage.run_path import RunPath, run_path
from robustq.whole_file import whole_file

NAME = "report.html"
"""File name of a page whose name nobody gave."""


AnyPath = str | os.PathLike[str]


@dataclass(frozen=True)
class PageOptions:
    """What a page shows.

    Attributes:
        baseline: model that the others are compared with; None for the one that `likely_baseline` chooses.
        images: whether the page shows the images of cases.
        case_names: whether the page names cases; otherwise it numbers them.
    """

    baseline: str | None = None
    images: bool = True
    case_names: bool = True


def write_page(
    runs: AnyPath | Sequence[AnyPath],
    out: AnyPath | None = None,
    *,
    baseline: str | None = None,
    images: bool = True,
    case_names: bool = True,
) -> RunPath:
    """Write the page of run directories, and return where it is.

    Args:
        runs: a run directory of `robustq.stress`, `robustq.analyse` or both, or several.
        out: the file; by default `report.html` in the run directory, of several runs in the current folder.
        baseline: name of the model that the others are compared with; by default the matched baseline, else the first
            model without a codebook, else the first model.
        images: whether the page shows the images of cases, and the figures of analyses, which can show images too.
        case_names: whether the page names cases; otherwise it numbers them.

    Raises:
        RequestError: a directory holds no run, no model has the name of the baseline, or the file cannot be written.
    """
    directories = [run_path(path) for path in ([runs] if isinstance(runs, str | os.PathLike) else runs)]
    if not directories:
        raise RequestError("no run was given to make a page of: give a run directory")
    beside = directories[0] / NAME if len(directories) == 1 else Path(NAME)
    target = beside if out is None else run_path(out)
    html = lines_of(render(make_page(directories, PageOptions(baseline, images, case_names))))
    with whole_file(target) as partial:
        partial.write_text(html, encoding="utf-8")
    return target


def make_page(directories: Sequence[RunPath], options: PageOptions) -> Page:
    """The contents of the page.

    Raises:
        RequestError: as `write_page`.
    """
    runs = [Run(path) for path in directories if RunDirectory(path, "stress").exists]
    analyses = [Analysis(path) for path in directories if RunDirectory(path, "analyse").exists]
    for path in directories:
        if not any(RunDirectory(path, command).exists for command in ("stress", "analyse")):
            RunDirectory(path, "stress").read()  # says what is missing
    names = {model for run in runs for model in run.models}
    if options.baseline is not None and options.baseline not in names:
        raise unknown("model", options.baseline, names)
    left_out: list[str] = []
    chapters = _chapters(runs, analyses, options, left_out)
    explanations = [_explanation(analysis, options, left_out) for analysis in analyses]
    gallery = [picture for run in runs for picture in read_gallery(run, case_names=options.case_names)]
    if not options.images:
        gallery = []
    data = dict.fromkeys(stored.data for stored in (*runs, *analyses))
    models = list(dict.fromkeys(model for stored in (*runs, *analyses) for model in stored.models))
    return Page(
        title=f"Robustness of {_listed(models)} on {', '.join(data)}",
        notice=_notice(bool(gallery) or any(explanation.figures for explanation in explanations), options),
        chapters=chapters,
        explanations=explanations,
        gallery=gallery,
        makings=[page_making(stored) for stored in (*runs, *analyses)],
        left_out=left_out,
    )


def _chapters(
    runs: Sequence[Run], analyses: Sequence[Analysis], options: PageOptions, left_out: list[str]
) -> list[Chapter]:
    """One chapter for all runs if they can stand side by side, else one for each."""
    if not runs:
        return []
    verdicts = [verdict for analysis in analyses for verdict in analysis.verdicts()]
    groups: list[list[Run]] = [list(runs)]
    names = [model for run in runs for model in run.models]
    if len(runs) > 1:
        try:
            if len(set(names)) < len(names):
                raise RequestError("two of their models have the same name")
            join(runs)
        except RequestError as error:
            # The reason can name a case.
            reason = str(error) if options.case_names else "their rows cannot be paired"
            left_out.append(
                f"The runs are shown one after the other and not side by side, because {reason}. So there is no "
                "ranking of their models."
            )
            groups = [[run] for run in runs]
    chapters = []
    for group in groups:
        own = {model for run in group for model in run.models}
        baseline = options.baseline if options.baseline in own else likely_baseline(group)
        chapters.append(page_chapter(group, baseline, verdicts, show_cases=options.case_names))
        verdicts = []  # once on a page
    return chapters


def _explanation(analysis: Analysis, options: PageOptions, left_out: list[str]) -> Explanation:
    try:
        grids = analysis.grids()
    except RequestError as error:
        grids = []
        left_out.append(f"The tables of the analysis in {analysis.directory.path.name} cannot be shown: {error}.")
    figures = {name: path.read_bytes() for name, path in analysis.figures.items()}
    if figures and not (options.images and options.case_names):
        figures = {}
        left_out.append(
            f"The figures of the analysis in {analysis.directory.path.name} are left out, because they can show images "
            "and names of cases."
        )
    verdicts = analysis.verdicts()
    conclusions = analysis.conclusions()[len(verdicts) :]
    return Explanation(analysis.directory.path.name, verdicts, conclusions, grids, figures)


def _listed(names: Sequence[str]) -> str:
    """The names, or their number where they would fill the line."""
    text = ", ".join(names)
    return text if len(text) <= 80 else f"{len(names)} models"


def _notice(images: bool, options: PageOptions) -> str:
    """What the page holds of patients."""
    parts = [*(["images of patients"] if images else []), *(["names of cases"] if options.case_names else [])]
    if not parts:
        return "This page holds no image and no name of a case."
    held = " and ".join(parts)
    return (
        f"This page can hold {held}: treat it as you treat the data. To give it to others, make it again with robustq "
        "report --without-images --rename-cases."
    )
