"""The analysis of models' latents: clean cases first, then draws, piece by piece."""

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import torch

from robustq.analyser import AbstractAnalyser, Draws, Finding
from robustq.dataset import AbstractDataset, Case
from robustq.draws.by_name import load_perturbations
from robustq.draws.perturbed import Perturber
from robustq.errors import RequestError
from robustq.latent.latents import Latent, latent
from robustq.latent.tangents import tangents
from robustq.model.device import choose_device
from robustq.request.checks import parse_checks
from robustq.request.levels import check_levels
from robustq.request.with_setting import split_setting
from robustq.results.analysis import Analysis, measured
from robustq.results.directory import RunDirectory
from robustq.results.rows import FIGURE, Row
from robustq.run.load_checks import load_checks
from robustq.run.plan import Piece, plan
from robustq.run.progress import Progress, compute, open_executor
from robustq.run.subjects import Models, Subjects, blank_row, of_model, versions


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
    """Analyse what the latents of models do under noise, with the draws that `robustq.stress` shows them.

    Args:
        models: bundles, named by their file names; or segmenters and bundles by name. Without, the bundled
            demonstration pair.
        data: a dataset or the text of `--data`; the built-in phantom by default. What depends on a domain is given for
            each domain.
        check: names of analysers, separated by commas, or "all"; a setting follows an @, as in "taylor@90".
        noise: perturbations by name; a chain such as "gaussian+blur" applies its members in this order at one level.
        levels: percent, 0 to 100; the other levels are compared with level 0, which is always computed.
        draws: random realisations of each perturbation at each level (the paper has 100).
        seed: of the run, as in `robustq.stress`.
        split: which cases, as in `robustq.stress`.
        compat: "paper-code" takes the noise formulas of the paper's published code.
        clip: bring perturbed values back into the intensity range.
        batch_size: images, or slices, for each pass of the encoder; 16 in 2D and 2 in 3D by default.
        out: the run directory, which may be that of a stress run. An analysis that was killed there goes on. By
            default a temporary directory, which is removed with the returned analysis.
        device: of the models.
        executor: where the batches of pieces are computed, one of `robustq list executors`.
        noise_device: device that draws the noise; the same seed gives different noise on "cpu" and "cuda".
        on_verdict: called with the verdict on each model (is its bottleneck alive?) before any draw is shown.
        on_progress: called after each batch of pieces.

    Returns:
        The analysis, with tables, figures and all rows.

    Raises:
        RequestError: a name or number is wrong, the models cannot be compared, or no case can be used.
    """
    classes = load_checks(parse_checks(check))
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
    analysers = {
        name: {text: analyser(model, split_setting("analysers", text)[1]) for text, analyser in classes.items()}
        for name, model in subjects.models.items()
    }
    cases = [entry.id for entry in subjects.good]
    shown = any(analyser.needs_draws for analyser in classes.values())
    number = dict.fromkeys(perturbations, draws)
    batches = plan(cases, number, levels, batch_size=batch_size, clean=False) if shown else []

    directory = RunDirectory(tempfile.mkdtemp(prefix="robustq-") if out is None else out, "analyse")
    asked = {
        "checks": _spelled_as_before(directory, list(classes)),
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
    rows = measured(directory.rows(before=last).to_pandas())
    concluded = [
        row
        for name, named in analysers.items()
        for analyser in named.values()
        for row in watcher.rows(name, analyser.conclude(rows[rows["model"] == name]))
    ]
    directory.write(last, concluded + subjects.failed_rows())
    directory.compact()
    analysis.draw()
    directory.summarise(analysis.summary())
    return analysis


def _spelled_as_before(directory: RunDirectory, checks: list[str]) -> list[str]:
    """The checks as the analysis that began here wrote them, where it meant the same.

    Earlier versions wrote a setting as it was typed, such as taylor@90.0.
    """
    if not directory.exists:
        return checks
    written: list[str] = directory.read()["asked"]["checks"]
    try:
        return written if list(load_checks(written)) == checks else checks
    except RequestError:  # a check that is not installed here, so another analysis
        return checks


@dataclass
class _Watcher:
    """Shows clean cases and draws to the analysers of every model, and turns their findings into rows."""

    subjects: Subjects
    analysers: Mapping[str, Mapping[str, AbstractAnalyser]]
    perturber: Perturber
    batch_size: int

    def watch_clean(self) -> list[Row]:
        """Show every clean case to every analyser; the rows of their findings."""
        for entry in self.subjects.good:
            case = self.subjects.cases(entry)
            for name, named in self.analysers.items():
                latents = self._latents(name, list(named.values()), case, case.image[None])
                for analyser, latent_shown in zip(named.values(), latents, strict=True):
                    analyser.clean(case, latent_shown)
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
        for name, watchers in watching.items():
            latents = self._latents(name, watchers, case, case.image[None])
            for analyser, latent_shown in zip(watchers, latents, strict=True):
                analyser.begin(case, latent_shown)
        # Of a volume that is read slice by slice one draw at a time fills a batch.
        step = self.batch_size if case.slice_axis is None else 1
        for first in range(0, piece.draws, step):
            numbers = range(first, min(first + step, piece.draws))
            images = torch.stack(
                [self.perturber(case, piece.perturbation, piece.level, number).image for number in numbers]
            )
            for name, watchers in watching.items():
                self._observe(name, watchers, case, images, first)
        parameters = self.perturber.parameters(case, piece.perturbation, piece.level)
        for name, watchers in watching.items():
            for analyser in watchers:
                for row in self.rows(name, analyser.end(), piece):
                    seed = None if row.draw is None else self.perturber.seed_of(case, piece.perturbation, row.draw)
                    yield replace(row, parameters=parameters, seed=seed)

    def _observe(
        self, name: str, watchers: Sequence[AbstractAnalyser], case: Case, images: torch.Tensor, first: int
    ) -> None:
        model = self.subjects.models[name]
        latents = self._latents(name, watchers, case, images)
        predicted = None
        if any(analyser.needs_tangents for analyser in watchers):
            predicted = tangents(model, case.image, images - case.image, axis=case.slice_axis)
        for analyser, latent_shown in zip(watchers, latents, strict=True):
            analyser.observe(Draws(first, latent_shown, predicted if analyser.needs_tangents else None))

    def _latents(
        self, name: str, watchers: Sequence[AbstractAnalyser], case: Case, images: torch.Tensor
    ) -> list[Latent]:
        """What each analyser is shown of the images; the decoder is run where one of them needs the output."""
        answered = any(analyser.needs_output for analyser in watchers)
        model = self.subjects.models[name]
        full = latent(model, images, batch_size=self.batch_size, axis=case.slice_axis, output=answered)
        bare = replace(full, output=None)
        return [full if analyser.needs_output else bare for analyser in watchers]

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
                status=FIGURE if finding.for_figure else "ok",
            )
