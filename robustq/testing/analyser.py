"""A check that an analyser keeps its contract, for the tests of any project."""

from dataclasses import replace

import pandas as pd
import torch

from robustq.analyser import AbstractAnalyser, Draws, Finding
from robustq.dataset import Case, Entry, own_range
from robustq.latent.latents import Latent, latent
from robustq.latent.tangents import tangents
from robustq.model.wrap import wrap
from robustq.results.rows import FIGURE, Row, to_table

DRAWS, PART = 5, 2
MODEL, PERTURBATION, LEVEL = "model", "gaussian", 20.0


def check_analyser(factory: type[AbstractAnalyser]) -> None:
    """Check what `AbstractAnalyser` promises, on models with and without a codebook, in 2D and 3D.

    Raises:
        AssertionError: a promise is broken; the message says which.
    """
    name = factory.__name__
    assert factory.needs_draws or not factory.needs_tangents, (
        f"{name} declares needs_tangents without needs_draws: tangents are taken of draws"
    )
    assert factory.canonical_setting("") == "", f"{name}.canonical_setting('') is not ''"
    for quantise in ("16x4", "identity:4", "none"):
        for size in ((17, 23), (12, 8, 10)):
            model = wrap("unet", quantise, dims=len(size), width=4, scales=2, groups=2).eval()
            rows, repeated_rows = (_watch(factory(model), size) for _ in range(2))
            # NaN does not equal itself, but its text does.
            assert str(rows) == str(repeated_rows), f"{name} gives different findings for equal draws of {quantise}"
            _check_views(factory, rows)


def _watch(analyser: AbstractAnalyser, size: tuple[int, ...]) -> list[Row]:
    name, model = type(analyser).__name__, analyser.model
    weights = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    cases = [_case(seed, size) for seed in range(3)]
    for case in cases:
        analyser.clean(case, _latent(analyser, case.image[None]))
    rows = [_row(name, finding) for finding in analyser.findings()]
    if analyser.needs_draws:
        for case in cases:
            analyser.begin(case, _latent(analyser, case.image[None]))
            for draws in _draws(analyser, case):
                analyser.observe(draws)
            rows += [_row(name, finding, case) for finding in analyser.end()]
    pieces = _frame([row for row in rows if row.status != FIGURE])
    rows += [_row(name, finding) for finding in analyser.conclude(pieces)]
    assert all(tensor.equal(weights[key]) for key, tensor in model.state_dict().items()), f"{name} changes the model"
    return rows


def _latent(analyser: AbstractAnalyser, images: torch.Tensor) -> Latent:
    return latent(analyser.model, images, batch_size=PART, axis=None, output=analyser.needs_output)


def _draws(analyser: AbstractAnalyser, case: Case) -> list[Draws]:
    generator = torch.Generator().manual_seed(7)
    perturbed = case.image + LEVEL / 100 * torch.randn(DRAWS, *case.image.shape, generator=generator)
    return [
        Draws(
            first,
            _latent(analyser, images),
            tangents(analyser.model, case.image, images - case.image, axis=None) if analyser.needs_tangents else None,
            [replace(case, image=image) for image in images],
            PART,
        )
        for first, images in zip(range(0, DRAWS, PART), perturbed.split(PART), strict=True)
    ]


def _check_views(factory: type[AbstractAnalyser], rows: list[Row]) -> None:
    """Tables and figures can be made from rows; if rows for figures are missing, the analyser names these figures."""
    name = factory.__name__
    verdicts = [row for row in rows if row.metric == factory.verdict_metric]
    assert len(verdicts) == (factory.verdict_metric is not None), f"{name} gives {len(verdicts)} verdicts on a model"
    frame = _frame(rows)
    without_figure_rows = frame[frame["status"] != FIGURE]
    factory.grids(without_figure_rows, [MODEL], sample="three cases")
    figures = set(factory.figures(frame, [MODEL]))
    missing = factory.missing_figures(frame, [MODEL])
    assert not missing, f"{name} cannot draw {', '.join(missing)} from the rows of its own findings"
    unnamed = figures - {
        *factory.figures(without_figure_rows, [MODEL]),
        *factory.missing_figures(without_figure_rows, [MODEL]),
    }
    assert not unnamed, (
        f"{name} does not draw {', '.join(unnamed)} without rows for figures, and missing_figures does not name them"
    )


def _case(seed: int, size: tuple[int, ...]) -> Case:
    image = torch.randn(1, *size, generator=torch.Generator().manual_seed(seed))
    spacing = (1.0,) * len(size)
    return Case(image, image > 0, own_range(image), spacing, "px", Entry(str(seed), str(seed)), ("label",))


def _row(name: str, finding: Finding, case: Case | None = None) -> Row:
    """The row of a finding; the finding belongs to a piece if a case is given."""
    value = finding.value
    assert value is None or type(value) is float, f"{name}: {finding.metric} is {value!r}, neither a float nor None"
    assert finding.metric, f"{name} gives a finding without a metric"
    entry = case.entry if case else finding.entry or Entry("", "")
    return Row(
        model=MODEL,
        dataset="noise",
        domain=entry.domain or finding.domain,
        case=entry.id,
        group=entry.group,
        perturbation=PERTURBATION if case else finding.perturbation,
        level=LEVEL if case else 0.0,
        parameters="{}",
        draw=finding.draw,
        seed=None,
        training_seed=None,
        label=finding.label,
        metric=finding.metric,
        value=value,
        unit=finding.unit,
        status=FIGURE if finding.for_figure else "ok",
        reason=finding.reason,
    )


def _frame(rows: list[Row]) -> pd.DataFrame:
    frame: pd.DataFrame = to_table(rows).to_pandas()
    return frame
