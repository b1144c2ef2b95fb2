"""What is read first of a stress run: the verdicts of its page, and a small matrix."""

from dataclasses import replace

from robustq.report.numbers import count
from robustq.report.overview import Overview, overview
from robustq.report.stress_table import missing_policy, worst_notes
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
    alerts = " ".join(chapter.alerts)
    worst = [f"{note}." for note in worst_notes(run.attacks.competing)]
    notes = [*worst, *_missed_notes(run), *run.memory_notes(), *run.level_draws.notes, *run.sample_notes()]
    first = overview(
        chapter,
        run.data,
        run.level_draws.text,
        [note for note in notes if note not in alerts],
        details=details,
    )
    if run.scale is not None:
        # Targets have no matrix: the tables stand here, or follow anyway.
        return replace(first, grids=()) if details else first
    return first if details else replace(first, grids=[*first.grids, *run.grids_beside(highest=True)])


def _missed_notes(run: Run) -> list[str]:
    """How many structures were missed, and how each metric of surfaces counts them; empty if none was."""
    rows = run.to_frame()
    missed = rows[rows["status"] == "missed"]
    clean = missed["level"] == 0  # stored once for each perturbation
    answers = missed.assign(perturbation=missed["perturbation"].mask(clean, ""))
    notes = []
    for metric in run.metrics:
        curves = run.curves(metric)
        of_metric = answers[answers["metric"] == metric]
        if curves.measures_distance and len(of_metric):
            number = len(
                of_metric.drop_duplicates(["model", "domain", "case", "label", "perturbation", "level", "draw"])
            )
            policy = missing_policy(curves.missing, is_share=curves.is_share)
            notes.append(f"{metric}: {count(number, 'structure')} missed, of all models and levels. {policy}")
    return notes
