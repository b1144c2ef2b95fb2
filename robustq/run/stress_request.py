"""What a stress run is asked to do, checked as far as its words allow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from robustq.attack import AbstractAttack
from robustq.draws.by_name import load_attacks, load_perturbations
from robustq.draws.draw_settings import DrawSettings
from robustq.draws.quality import require_library
from robustq.errors import RequestError, unknown
from robustq.metric import AbstractMetric, Missing
from robustq.model.device import Precision, choose_device
from robustq.perturbation import AbstractPerturbation
from robustq.request.decode import NEAREST, check_decode
from robustq.request.draws import AUTO, Draws, check_draws, most_draws
from robustq.request.listed import as_text, listed
from robustq.request.severity import Severity, parse_severity
from robustq.run.asked_metrics import asked_metrics
from robustq.run.batching import check_batch_size
from robustq.run.draw_counts import DrawCounts
from robustq.run.severity import asked_levels
from robustq.shapes import Unit


@dataclass(frozen=True)
class StressRequest:
    """The request of a stress run, without its models and cases.

    Attributes:
        perturbations: perturbations by name.
        attacks: attacks by name.
        transfer_from: the source model of transfers; None for the default.
        levels: percent; level 0 alone where a severity stands in their place.
        severity: the targets; None if levels are asked for.
        draws: the number of draws, or "auto"; None for the defaults.
        most_draws: largest number of draws that "auto" gives a level.
        settings: the settings of all draws.
        metrics: metrics by the text that stands in the rows.
        missing: policy for the distance to a missed structure.
        split: which cases are used.
        batch_size: images, slices or windows for each forward pass; None where a trial may look for it.
        precision: precision of the forward passes, or "auto".
        without_labels: whether answers are compared with the clean ones, not with the truth.
        quality: whether the image quality of each draw is measured too.
        decode: how codes are chosen.
    """

    perturbations: Mapping[str, AbstractPerturbation]
    attacks: Mapping[str, AbstractAttack]
    transfer_from: str | None
    levels: Sequence[float]
    severity: Severity | None
    draws: Draws | None
    most_draws: int
    settings: DrawSettings
    metrics: Mapping[str, AbstractMetric]
    missing: Missing
    split: str
    batch_size: int | None
    precision: str
    without_labels: bool
    quality: bool
    decode: str

    @classmethod
    def checked(
        cls,
        *,
        noise: Sequence[str] | None,
        attack: Sequence[str],
        transfer_from: str | None,
        levels: Sequence[float] | None,
        severity: str | None,
        draws: Draws | None,
        max_draws: int | None,
        seed: int,
        metrics: str | Sequence[str],
        missing: str,
        split: str,
        compat: str | None,
        clip: bool,
        batch_size: int | None,
        noise_device: str,
        precision: str,
        without_labels: bool,
        quality: bool,
        decode: str,
    ) -> "StressRequest":
        """The request that these arguments of `robustq.stress` make.

        Raises:
            RequestError: a name or number is wrong, or two arguments exclude each other.
        """
        attack = listed(attack)
        asked_noise = listed(noise) if noise is not None else () if attack else ("gaussian",)
        perturbations = load_perturbations(asked_noise, compat)
        attacks = load_attacks(attack)
        _check_names(perturbations, attacks, transfer_from)
        targets = None if severity is None else parse_severity(severity)
        checked_levels = asked_levels(levels, targets, perturbations, attacks, draws)
        check_draws(draws)
        most = most_draws(draws, max_draws)
        check_batch_size(batch_size)
        if missing not in get_args(Missing):
            raise unknown("missing policy", missing, get_args(Missing))
        if quality:
            require_library()
        return cls(
            perturbations=perturbations,
            attacks=attacks,
            transfer_from=transfer_from,
            levels=checked_levels,
            severity=targets,
            draws=draws,
            most_draws=most,
            metrics=asked_metrics(as_text(metrics), attack, without_labels=without_labels),
            decode=check_decode(decode),
            settings=DrawSettings(seed, str(choose_device(noise_device)), clip),
            missing=cast(Missing, missing),
            split=split,
            batch_size=batch_size,
            precision=precision,
            without_labels=without_labels,
            quality=quality,
        )

    def check_units(self, units: Mapping[Unit, str]) -> None:
        """Refuse a metric whose values of the cases have different units, or that these cases do not have.

        Args:
            units: for each unit of the cases, the id of one of them.

        Raises:
            RequestError: the values have no common unit, or a tolerance in mm is asked of cases in px.
        """
        for text, metric in self.metrics.items():
            if len({metric.unit(unit) for unit in units}) > 1:
                examples = ", ".join(f"{case} in {unit}" for unit, case in units.items())
                raise RequestError(
                    f"{text} of cases with different units ({examples}) has no mean: run stress for each unit "
                    "separately"
                )

    def document(
        self, *, source: str | None, draws: DrawCounts, batch_size: int | Literal["auto"], precision: Precision
    ) -> dict[str, Any]:
        """What `run.json` says of the request.

        The arguments are what models, device and an earlier run in the directory settle.

        Args:
            source: the source model of transfers.
            draws: the number of draws.
            batch_size: the batch size, or "auto" where a trial looks for it.
            precision: precision of the forward passes.
        """
        return {
            "perturbations": [*self.perturbations, *self.attacks],
            **({"attacks": draws.attacks, "transfer_from": source} if self.attacks else {}),
            "levels": list(self.levels),
            "draws": draws.asked,
            **({"max_draws": self.most_draws} if draws.asked == AUTO else {}),
            **({"decode": self.decode} if self.decode != NEAREST else {}),
            "seed": self.settings.seed,
            "metrics": list(self.metrics),
            "missing": self.missing,
            "split": self.split,
            "clip": self.settings.clip,
            "batch_size": batch_size,
            "noise_device": self.settings.noise_device,
            "precision": precision,
            **({"without_labels": True} if self.without_labels else {}),
            **({"severity": str(self.severity)} if self.severity is not None else {}),
            **({"quality": True} if self.quality else {}),
        }


def _check_names(
    perturbations: Mapping[str, AbstractPerturbation], attacks: Mapping[str, AbstractAttack], transfer_from: str | None
) -> None:
    """Refuse a run that is shown nothing, a name that means two things, and a transfer without an attack."""
    if not perturbations and not attacks:
        raise RequestError("no perturbation was named: give one or more, such as gaussian")
    ambiguous = next((name for name in attacks if name in perturbations), None)
    if ambiguous is not None:
        raise RequestError(
            f"{ambiguous!r} is both a perturbation and an attack here: stress with one, then with the other"
        )
    if transfer_from is not None and not attacks:
        raise RequestError(f"transfer_from={transfer_from} was asked without an attack: name one, such as pgd")
