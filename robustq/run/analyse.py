"""Clean cases first, then draws piece by piece: the analysis of models' latents."""

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import torch

from robustq import registry
from robustq.analyser import AbstractAnalyser, Draws, Finding
from robustq.dataset import AbstractDataset, Case
from robustq.draws.by_name import load_perturbations
from robustq.draws.perturbed import Perturber
from robustq.errors import RequestError
from robustq.latent.latents import Latent, latent
from robustq.latent.tangents import tangents
from robustq.model.device import choose_device
from robustq.request.levels import check_levels
from robustq.results.analysis import Analysis
from robustq.results.directory import RunDirectory
from robustq.results.rows import Row
from robustq.run.plan import Piece, plan
from robustq.run.progress import Progress, compute, open_executor
from robustq.run.subjects import Models, Subjects, blank_row, of_model, versions

FIRST = "liveness"
"""The check that runs before the others, whatever was asked: its verdict heads every table."""


def analyse(
    models: Models | None = None,
    data: AbstractDataset | str = "phantom",
    *,
    check: str = "all",
    noise: Sequence[str] = ("gaussian",),
    levels: Sequence[float] = (1, 10, 20, 30),
    draws: int = 100,
    seed: int = 0,
    split: str = "held-out",
    compat: str | None = None,
    clip: bool = False,
    batch_size: int | None = None,
    out: str | os.PathLike[str] | None = None,
    device: str = "auto",
    executor: str = "local",
    noise_device: str = "cpu",
    on_verdict: Callable[[str], object] = lambda verdict: None,
    on_progress: Callable[[Progress], object] = lambda progress: None,
) -> Analysis:
    """Why is a model robust, or not: what its latents do under the same draws that `robustq.stress` shows it.

    Args:
        models: bundles, named by their file names; or segmenters and bundles by name. Without, the bundled
            demonstration pair.
        data: a dataset or the text of `--data`; the built-in phantom by default. Its domains are told apart.
        check: analysers by comma, or "all"; a setting follows an @, as in "taylor@90".
        noise: perturbations by name; a chain such as "gaussian+blur" applies its members in this order at one level.
        levels: percent, 0 to 100; level 0 is what the others are compared with and is always computed.
        draws: random realisations of each perturbation at each level (the paper has 100).
        seed: of the run, as in `robustq.stress`.
        split: which cases, as in `robustq.stress`.
        compat: "paper-code" takes the noise formulas of the paper's published code.
        clip: bring perturbed values back into the intensity range.
        batch_size: images, or slices, an encoder pass; 16 in 2D and 2 in 3D by default.
        out: the run directory, which may be that of a stress run. An analysis that was killed there goes on. Without,
            a temporary directory that lives as long as the returned analysis.
        device: of the models.
        executor: where the batches of pieces are computed, one of `robustq list executors`.
        noise_device: "cpu", or "cuda" for another stream of noise.
        on_verdict: told, before any draw is shown, whether each model's bottleneck is alive.
        on_progress: told after each batch of pieces.

    Returns:
        The analysis, with tables, figures and all rows.

    Raises:
        RequestError: a name or number is wrong, the models cannot be compared, or no case can be used.
    """
    checks = parse_checks(check)
    perturbations = load_perturbations(noise, compat)
    levels = [level for level in check_levels(levels) if level > 0]
    if not perturbations or not levels:
        raise RequestError("an analysis needs one perturbation and one level above 0, or more")
    if draws < 2:
        raise RequestError(f"draws={draws} was asked: give 2 or more, for a variance needs two")
    if batch_size is not None and batch_size < 1:
        raise RequestError(f"batch_size={batch_size} was asked: give 1 or more")
    noise_device = str(choose_device(noise_device))
    subjects = Subjects.gather(models, data, split=split, device=device)
    batch_size = batch_size or subjects.batch_size
    factories = {text: registry.load("analysers", text.partition("@")[0]) for text in checks}
    analysers: dict[str, dict[str, AbstractAnalyser]] = {
        name: {text: factory(model, text.partition("@")[2]) for text, factory in factories.items()}
        for name, model in subjects.models.items()
    }
    cases = [entry.id for entry in subjects.good]
    shown = any(factory.needs_draws for factory in factories.values())
    number = dict.fromkeys(perturbations, draws)
    batches = plan(cases, number, levels, batch_size=batch_size, clean=False) if shown else []

    directory = RunDirectory(tempfile.mkdtemp(prefix="robustq-") if out is None else out, "analyse")
    asked = {
        "checks": checks,
        "perturbations": list(perturbations),
        "levels": levels,
        "draws": draws,
        "seed": seed,
        "split": split,
        "clip": clip,
        "batch_size": batch_size,
        "noise_device": noise_device,
        **subjects.describe(),
    }
    directory.begin({"asked": asked, "plan": batches, "device": str(subjects.device), "versions": versions()})
    watcher = _Watcher(subjects, analysers, Perturber(perturbations, seed, noise_device, clip), batch_size)
    directory.write(0, watcher.watch_clean())
    analysis = Analysis(directory.path, temporary=out is None)
    for verdict in analysis.verdicts():
        on_verdict(verdict)
    compute(directory, batches, watcher, on_progress, open_executor(executor), first=1)
    last = len(batches) + 1
    rows = directory.rows(before=last).to_pandas()
    concluded = [
        row
        for name, named in analysers.items()
        for analyser in named.values()
        for row in watcher.rows(name, analyser.conclude(rows[rows["model"] == name]))
    ]
    directory.write(last, concluded + subjects.failed_rows())
    directory.compact()
    analysis.draw({text: {name: named[text] for name, named in analysers.items()} for text in checks})
    directory.summarise(analysis.summary())
    return analysis


def parse_checks(text: str) -> list[str]:
    """The analysers of `--check`, liveness first; "all" stands for every registered one.

    Raises:
        RequestError: one is unknown.
    """
    asked = [part.strip() for part in text.split(",") if part.strip()]
    known = [name for part in asked for name in (registry.names("analysers") if part == "all" else [part])]
    checks = {}
    for part in [FIRST, *known]:
        name, at, setting = part.partition("@")
        # Of `all,taylor@90` the one with the setting stays.
        canonical = registry.canonical("analysers", name)
        if canonical not in checks or at:
            checks[canonical] = f"{canonical}{at}{setting}"
    return list(checks.values())


@dataclass
class _Watcher:
    """Shows clean cases and draws to the analysers of every model and turns their findings into rows."""

    subjects: Subjects
    analysers: Mapping[str, Mapping[str, AbstractAnalyser]]
    perturber: Perturber
    batch_size: int

    def watch_clean(self) -> list[Row]:
        """Show every clean case to every analyser; the rows of what they say."""
        for entry in self.subjects.good:
            case = self.subjects.cases(entry)
            for name, named in self.analysers.items():
                seen = self._latent(name, case, case.image[None])
                for analyser in named.values():
                    analyser.clean(case, seen)
        return [
            row
            for name, named in self.analysers.items()
            for analyser in named.values()
            for row in self.rows(name, analyser.findings())
        ]

    def __call__(self, batch: Sequence[Piece]) -> list[Row]:
        """The rows of a batch of pieces."""
        return [row for piece in batch for row in self._watch(piece)]

    def _watch(self, piece: Piece) -> Iterator[Row]:
        case = self.subjects.cases(next(entry for entry in self.subjects.good if entry.id == piece.case))
        watching = {
            name: [analyser for analyser in named.values() if analyser.needs_draws]
            for name, named in self.analysers.items()
        }
        for name, found in watching.items():
            clean = self._latent(name, case, case.image[None])
            for analyser in found:
                analyser.begin(case, clean)
        # Of a volume that is read slice by slice one draw at a time fills a batch.
        step = self.batch_size if case.slice_axis is None else 1
        for first in range(0, piece.draws, step):
            numbers = range(first, min(first + step, piece.draws))
            images = torch.stack(
                [self.perturber(case, piece.perturbation, piece.level, number).image for number in numbers]
            )
            for name, found in watching.items():
                self._observe(name, found, case, images, first)
        parameters = self.perturber.parameters(case, piece.perturbation, piece.level)
        for name, found in watching.items():
            for analyser in found:
                for row in self.rows(name, analyser.end(), piece):
                    seed = None if row.draw is None else self.perturber.seed_of(case, piece.perturbation, row.draw)
                    yield replace(row, parameters=parameters, seed=seed)

    def _observe(
        self, name: str, found: Sequence[AbstractAnalyser], case: Case, images: torch.Tensor, first: int
    ) -> None:
        model = self.subjects.models[name]
        seen = self._latent(name, case, images)
        moved = None
        if any(analyser.needs_tangents for analyser in found):
            moved = tangents(model, case.image, images - case.image, axis=case.slice_axis)
        for analyser in found:
            analyser.observe(Draws(first, seen, moved if analyser.needs_tangents else None))

    def _latent(self, name: str, case: Case, images: torch.Tensor) -> Latent:
        return latent(self.subjects.models[name], images, batch_size=self.batch_size, axis=case.slice_axis)

    def rows(self, model: str, findings: Iterable[Finding], piece: Piece | None = None) -> Iterator[Row]:
        """The rows of one model's findings, of a piece or of the clean cases."""
        entries = {entry.id: entry for entry in self.subjects.good}
        for finding in findings:
            entry = finding.entry if piece is None else entries[piece.case]
            row = blank_row(self.subjects.cases.dataset, entry)
            yield replace(
                row,
                **of_model(model, self.subjects.models[model]),
                domain=row.domain or finding.domain,
                perturbation=finding.perturbation if piece is None else piece.perturbation,
                level=0.0 if piece is None else piece.level,
                draw=finding.draw,
                label=finding.label,
                metric=finding.metric,
                value=finding.value,
                unit=finding.unit,
                reason=finding.reason,
            )
