"""The analyser `certified`: what no change of an image within a radius can do to a smoothed model, and to codes."""

import math
from collections.abc import Iterable, Sequence
from typing import ClassVar

import pandas as pd

from robustq.analyser import AbstractAnalyser, Finding, TableFigure
from robustq.dataset import Case
from robustq.errors import RequestError
from robustq.geometry import margins
from robustq.latent.latents import Latent
from robustq.model.predict import BATCH
from robustq.model.segmenter import Segmenter
from robustq.network.memory import with_smaller_batches
from robustq.report.grid import Grid
from robustq.scoring.mean_dice import mean_dice
from robustq_guarantees.certificate import CHOOSING, TESTING, certified_dice, certify, largest_radius
from robustq_guarantees.certified_tables import (
    NO_LABEL,
    certified_conclusions,
    certified_grids,
    certified_table_figures,
)
from robustq_guarantees.lipschitz import EncoderBound, encoder_bound
from robustq_guarantees.settings import parse_numbers, spelled
from robustq_guarantees.smoothed import Smoothed
from robustq_guarantees.smoothed_attack import attacked, level_of

DEFAULTS = {"sigma": 0.1, "radius": 0.05}
"""Standard deviation of the noise as a share of the intensity range, and the radius (L2) in the same shares."""

_VALUES = 2**18
"""Values in a pass of noisy copies; more if the usual batch holds more."""


class Certified(AbstractAnalyser):
    """Certifies the Dice of the smoothed model within a radius, and the share of tokens whose code provably stays.

    The smoothed model gives the class that the model gives most often under gaussian noise (docs/definitions.md,
    Certified). Beside its certified Dice stands the Dice that an attack on the smoothed model leaves. For the codes,
    the exact margin of each token is compared with the radius times an upper bound of the encoder's Lipschitz constant.

    It measures clean cases, and takes about 1,700 passes for each, so `--check all` does not ask for it. The setting is
    the standard deviation of the noise and the radius, both in shares of the intensity range:
    certified@sigma=0.1:radius=0.05, which are the defaults.
    """

    needs_output: ClassVar[bool] = True
    in_all: ClassVar[bool] = False

    def __init__(self, model: Segmenter, setting: str = "") -> None:
        super().__init__(model)
        asked = _parse(setting)
        self._radius = asked["radius"]
        self._smoothed = Smoothed(model, asked["sigma"])
        vectors = None if model.quantiser is None else model.quantiser.vectors
        self._vectors = None if vectors is None else vectors[0].detach()
        self._bounds: dict[tuple[int, ...], EncoderBound] = {}
        self._found: list[Finding] = []

    @classmethod
    def canonical_setting(cls, setting: str) -> str:
        """Standard deviation and radius where they are not the default, such as sigma=0.25.

        Raises:
            RequestError: one of them cannot be used, or the radius is so large that no number of agreeing answers
                certifies it.
        """
        return spelled(_parse(setting), DEFAULTS)

    def clean(self, case: Case, latent: Latent) -> None:
        """Certify and attack the smoothed model at one case, and count the tokens whose code provably stays."""
        self._found += [
            Finding("certified_level", level_of(self._radius, case), entry=case.entry, unit="%"),
            *self._stays(case, latent),
        ]
        assert latent.output is not None, "needs_output is set"
        own_dice = mean_dice(latent.output[0].cpu(), case)
        if math.isnan(own_dice):
            self._found.append(Finding("certified_dice", None, entry=case.entry, reason=NO_LABEL))
            return
        size = max(BATCH[self.model.spec.dims], _VALUES // case.image.numel())
        measured, _ = with_smaller_batches(lambda size: self._measure(case, size), size)
        self._found += [
            Finding(metric, value, entry=case.entry) for metric, value in {"own_dice": own_dice, **measured}.items()
        ]

    def findings(self) -> Iterable[Finding]:
        """Noise and radius, the bound of the encoder or the layer without one, and the figures of every case."""
        yield Finding("smoothing_sigma", self._smoothed.sigma)
        yield Finding("certified_radius", self._radius)
        if self._bounds:
            # They differ between sizes where images are padded; infinity stands for none.
            bound = max(self._bounds.values(), key=lambda bound: math.inf if bound.value is None else bound.value)
            yield Finding("encoder_bound", bound.value, reason=bound.reason)
        yield from self._found

    def _measure(self, case: Case, batch_size: int) -> dict[str, float]:
        """Dice of the smoothed model, what of it is certified, the abstained share, and the Dice under attack."""
        certificate = certify(self._smoothed, case, self._radius, batch_size)
        changed = attacked(self._smoothed, case, self._radius, batch_size)
        counts = self._smoothed.counts(changed, range(CHOOSING + TESTING), batch_size)
        return {
            "smoothed_dice": mean_dice(certificate.masks, case),
            "certified_dice": certified_dice(certificate, case),
            "attacked_dice": mean_dice(self._smoothed.masks(counts.argmax(0)), case),
            "abstained": float(certificate.abstained.double().mean()),
        }

    def _stays(self, case: Case, latent: Latent) -> Iterable[Finding]:
        """The share of tokens whose margin is at least as large as any shift within the radius."""
        if self._vectors is None:
            return
        extents = self._shown(case)
        if extents not in self._bounds:
            self._bounds[extents] = encoder_bound(self.model, extents)
        bound = self._bounds[extents].value
        if bound is not None:
            widest = float(case.intensity_range.diff(dim=1).max())
            away = margins(latent.embedding[0], self._vectors)
            share = float((away >= bound * widest * self._radius).double().mean())
            yield Finding("stays", share, entry=case.entry)

    def _shown(self, case: Case) -> tuple[int, ...]:
        """The extents of what the encoder sees of a case: the whole image, a slice or a window."""
        if self.model.spec.preparation.patch is not None:
            return self.model.spec.preparation.patch
        extents = case.image.shape[1:]
        return tuple(extent for axis, extent in enumerate(extents) if axis != case.slice_axis)

    @classmethod
    def conclusions(cls, rows: pd.DataFrame, models: Sequence[str]) -> Sequence[str]:
        """Below which Dice no change within the radius brings each smoothed model, and what the attack reaches."""
        return certified_conclusions(rows, models)

    @classmethod
    def table_figures(cls, rows: pd.DataFrame, models: Sequence[str]) -> Sequence[TableFigure]:
        """The figures of the table in full precision."""
        return certified_table_figures(rows, models)

    @classmethod
    def grids(cls, rows: pd.DataFrame, models: Sequence[str], *, sample: str) -> Sequence[Grid]:
        """One table: the Dice of the model, of the smoothed model, certified and under attack; and the codes."""
        return certified_grids(rows, models, sample=sample)


def _parse(setting: str) -> dict[str, float]:
    """Standard deviation and radius of a setting.

    Raises:
        RequestError: as `Certified.canonical_setting`.
    """
    asked = parse_numbers(setting, DEFAULTS, "certified@sigma=0.1:radius=0.05")
    sigma, radius = asked["sigma"], asked["radius"]
    if not 0 < sigma <= 1:
        raise RequestError(f"sigma={sigma:g} is no share of the intensity range: give a number above 0 and at most 1")
    if not 0 < radius <= largest_radius(sigma):
        raise RequestError(
            f"radius={radius:g} cannot be certified with sigma={sigma:g} and {TESTING} noisy copies: give a radius "
            f"above 0 and at most {largest_radius(sigma):.3g}, or a larger sigma"
        )
    return asked
