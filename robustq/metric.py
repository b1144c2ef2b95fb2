"""The contract of a metric: one number from one predicted mask and one true mask."""

import math
from abc import ABC, abstractmethod
from typing import ClassVar

from robustq import registry
from robustq.errors import RequestError
from robustq.request.with_setting import join_setting, split_setting
from robustq.scoring.comparison import Comparison as Comparison
from robustq.scoring.comparison import Missing as Missing
from robustq.scoring.truth import Truth as Truth
from robustq.scoring.truth import Unit as Unit


class AbstractMetric(ABC):
    """Scores one predicted mask of one label against the truth.

    Every implementation keeps these rules, and `robustq.testing` checks them:

    - The score depends on the comparison alone, and computing it does not change the masks. Masks may have any number
      of axes, and images any size.
    - Two empty masks have no score: NaN.
    - No prediction has a better score than a mask equal to the truth. A prediction that misses the label has no better
      score than a prediction that finds a part of it. For a metric of probabilities this holds where the model is
      nearly sure of every voxel.
    - A metric that measures distance follows the policy for missing structures, which `Comparison.substitute` applies.

    An implementation is a frozen dataclass that can be built without arguments. It takes distances from the comparison
    (`to_truth`, `to_prediction`), not from the masks, so that all metrics share them.
    """

    measures_distance: ClassVar[bool]
    """Whether the score is made of boundary distances. Then the policy for missing structures applies, and the number
    of missed structures is printed beside the score."""

    higher_is_better: ClassVar[bool]
    """Whether a larger score is a better one."""

    largest: ClassVar[float] = math.inf
    """The largest score that there is, such as 1 for a share."""

    needs_probabilities: ClassVar[bool] = False
    """Whether the score is made of the label's probabilities. Then the forward passes keep the probabilities, and
    `Comparison.probability` holds them."""

    @classmethod
    def parse(cls, setting: str) -> "AbstractMetric":
        """The metric with a setting, the text after its name and an `@`, such as `2mm` in `nsd@2mm`; "" without one.

        Raises:
            RequestError: the metric does not take this setting; the message says what it takes.
        """
        if setting:
            raise RequestError(f"this metric takes nothing after @, and {setting!r} was given: leave it out")
        return cls()

    @property
    def setting(self) -> str:
        """The one spelling of the metric's setting, so that `nsd@2.0mm` and `nsd@2mm` are one metric; "" if none."""
        return ""

    @abstractmethod
    def unit(self, unit: Unit) -> str:
        """The unit of the score, given the unit of the spacing: the same unit for a distance, "" for a share.

        Raises:
            RequestError: the metric cannot be computed for spacings in this unit.
        """

    @abstractmethod
    def score(self, comparison: Comparison) -> float:
        """The score, in `unit(comparison.truth.unit)`; NaN where it has no value."""


AGREEMENT = "agreement_"
"""Stands before the name of a metric that compares an answer with the model's own clean answer, not with the truth."""


def reference_of(text: str) -> str:
    """What a metric, by its text in the rows, compares answers with, in words."""
    return "the model's answer to the unperturbed case" if text.startswith(AGREEMENT) else "the true mask"


def parse_metrics(text: str) -> dict[str, AbstractMetric]:
    """The metrics of a list such as "dice,hd95,assd,nsd@2mm,hausdorff@99", in the order of the list.

    A name may have `AGREEMENT` before it, as it stands in the rows of a run without labels; its metric is the same.

    Returns:
        Name in the column `metric` -> metric. A metric that is named twice is computed once.

    Raises:
        RequestError: the list is empty, a name is unknown, or the metric does not take the setting after the `@`.
    """
    metrics: dict[str, AbstractMetric] = {}
    for entry in (item.strip() for item in text.split(",")):
        if not entry:
            raise RequestError(f"{text!r} is not a list of metrics: separate names by commas, as in dice,hd95,nsd@2mm")
        prefix = AGREEMENT if entry.startswith(AGREEMENT) else ""
        name, setting = split_setting("metrics", entry.removeprefix(prefix))
        try:
            metric: AbstractMetric = registry.load("metrics", name).parse(setting)
        except RequestError as error:
            raise RequestError(f"metric {entry!r}: {error}") from error
        metrics[prefix + join_setting(name, metric.setting)] = metric
    return metrics


def parse_metric(text: str) -> AbstractMetric:
    """The metric of a text that names one, such as "nsd@2mm"; errors as in `parse_metrics`."""
    (metric,) = parse_metrics(text).values()
    return metric
