"""What is read first of a stress run: the verdicts of its page, and a small matrix."""

from dataclasses import replace

from robustq.report.overview import Overview, overview
from robustq.results.likely_baseline import likely_baseline
from robustq.results.page_chapter import page_chapter
from robustq.results.stress_run import Run


def stress_overview(run: Run, *, details: bool = False) -> Overview:
    """The overview of a run.

    Args:
        run: the run.
        details: whether the verdicts on single perturbations are given even if there are many, and all tables follow.
    """
    chapter = page_chapter([run], likely_baseline([run]))
    said = " ".join(chapter.alerts)
    notes = [*run.memory_notes(), *run.level_draws.notes, *run.sample_notes()]
    first = overview(
        chapter,
        run.asked["data"]["name"],
        run.level_draws.text,
        [note for note in notes if note not in said],
        details=details,
    )
    if run.scale is not None:
        # Targets have no matrix: the tables stand here, or follow anyway.
        return replace(first, grids=()) if details else first
    return first if details else replace(first, grids=[*first.grids, *run.grids_beside(highest=True)])
