"""The contract of an analyser as a check that a stranger's tests can run."""

import pandas as pd
import torch

from robustq.analyser import AbstractAnalyser, Draws, Finding
from robustq.dataset import Case, Entry, own_range
from robustq.latent.latents import latent
from robustq.latent.tangents import tangents
from robustq.model.segmenter import Segmenter
from robustq.model.wrap import wrap

DRAWS, PART = 5, 2


def check_analyser(factory: type[AbstractAnalyser]) -> None:
    """Check what `AbstractAnalyser` promises, on models with and without a codebook, in 2D and 3D.

    Raises:
        AssertionError: a promise is broken; the message says which.
    """
    name = factory.__name__
    assert factory.needs_draws or not factory.needs_tangents, f"{name} needs tangents of draws it does not need"
    for quantise in ("16x4", "identity:4", "none"):
        for size in ((17, 23), (12, 8, 10)):
            model = wrap("unet", quantise, dims=len(size), width=4, scales=2, groups=2).eval()
            one, other = ([_said(finding) for finding in _watch(factory(model), size)] for _ in range(2))
            assert one == other, f"{name} finds different things in the same draws of {quantise}"


def _watch(analyser: AbstractAnalyser, size: tuple[int, ...]) -> list[Finding]:
    name, model = type(analyser).__name__, analyser.model
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    cases = [_case(seed, size) for seed in range(3)]
    for case in cases:
        analyser.clean(case, latent(model, case.image[None], batch_size=PART, axis=None))
    found = list(analyser.findings())
    if analyser.needs_draws:
        for case in cases:
            analyser.begin(case, latent(model, case.image[None], batch_size=PART, axis=None))
            for draws in _draws(analyser, model, case):
                analyser.observe(draws)
            found += analyser.end()
    rows = pd.DataFrame({name: [] for name in ("metric", "perturbation", "case", "level", "value")})
    found += analyser.conclude(rows.astype({"metric": str}))
    for finding in found:
        value = finding.value
        assert value is None or type(value) is float, f"{name}: {finding.metric} is {value!r}, neither a float nor None"
        assert finding.metric, f"{name} gives a finding without a metric"
    assert all(tensor.equal(before[key]) for key, tensor in model.state_dict().items()), f"{name} changes the model"
    return found


def _draws(analyser: AbstractAnalyser, model: Segmenter, case: Case) -> list[Draws]:
    generator = torch.Generator().manual_seed(7)
    moved = case.image + 0.2 * torch.randn(DRAWS, *case.image.shape, generator=generator)
    return [
        Draws(
            first,
            latent(model, part, batch_size=PART, axis=None),
            tangents(model, case.image, part - case.image, axis=None) if analyser.needs_tangents else None,
        )
        for first, part in zip(range(0, DRAWS, PART), moved.split(PART), strict=True)
    ]


def _case(seed: int, size: tuple[int, ...]) -> Case:
    image = torch.randn(1, *size, generator=torch.Generator().manual_seed(seed))
    spacing = (1.0,) * len(size)
    return Case(image, image > 0, own_range(image), spacing, "px", Entry(str(seed), str(seed)), ("label",))


def _said(finding: Finding) -> tuple[object, ...]:
    # NaN does not equal itself; its text does.
    return (finding.metric, str(finding.value), finding.label, finding.domain, finding.draw, finding.reason)
