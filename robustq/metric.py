"""The contract of a metric: one number from one predicted mask and one truth."""

from abc import ABC, abstractmethod
from typing import ClassVar

from robustq import registry
from robustq.errors import RequestError
from robustq.scoring.comparison import Comparison as Comparison
from robustq.scoring.comparison import Missing as Missing
from robustq.scoring.truth import Truth as Truth
from robustq.scoring.truth import Unit as Unit


class AbstractMetric(ABC):
    """Scores one predicted mask of one label against the truth.

    What must hold for every implementation, and is checked by `robustq.testing`:

    - The score depends on the comparison alone and leaves the masks as they are. Masks of any number of axes are
      accepted, and images of any size.
    - Two empty masks have no score: NaN.
    - Equal masks have a score that no other prediction betters; a prediction that misses the label does not score
      better than one that finds a part of it.
    - A metric that measures distance follows the policy for missing structures, which `Comparison.substitute` knows.

    An implementation is a frozen dataclass that can be built without arguments. Distances are shared between metrics
    by taking them from the comparison (`to_truth`, `to_prediction`) instead of from the masks.
    """

    measures_distance: ClassVar[bool]
    """Whether the score is made of boundary distances. Then the policy for missing structures applies, and the number
    of missed structures stands beside the score wherever it is printed."""

    higher_is_better: ClassVar[bool]

    @classmethod
    def parse(cls, setting: str) -> "AbstractMetric":
        """The metric from what follows its name and an `@`, such as `2mm` in `nsd@2mm`; "" if nothing does.

        Raises:
            RequestError: the metric does not take that; the message says what it takes.
        """
        if setting:
            raise RequestError(f"this metric takes nothing after @, and {setting!r} was given: leave it out")
        return cls()

    @property
    def setting(self) -> str:
        """The one spelling of its setting, so that `nsd@2.0mm` and `nsd@2mm` stand in one column; "" without."""
        return ""

    @abstractmethod
    def unit(self, unit: Unit) -> str:
        """The unit of the score, given the unit of the spacing: that one for a distance, "" for a share.

        Raises:
            RequestError: the metric cannot be computed where spacings have this unit.
        """

    @abstractmethod
    def score(self, comparison: Comparison) -> float:
        """The score, in `unit(comparison.truth.unit)`; NaN where it has no value."""


def parse_metrics(text: str) -> dict[str, AbstractMetric]:
    """The metrics of a list such as "dice,hd95,assd,nsd@2mm,hausdorff@99", in its order.

    Returns:
        Name, as it will stand in the column `metric`, to metric. What is named twice is computed once.

    Raises:
        RequestError: the list is empty, a name is unknown, or what follows an `@` does not fit the metric.
    """
    metrics: dict[str, AbstractMetric] = {}
    for entry in (part.strip() for part in text.split(",")):
        given, _, setting = entry.partition("@")
        if not given:
            raise RequestError(f"{text!r} is no list of metrics: give names between commas, as in dice,hd95,nsd@2mm")
        name = registry.canonical("metrics", given)
        try:
            metric: AbstractMetric = registry.load("metrics", name).parse(setting)
        except RequestError as error:
            raise RequestError(f"metric {entry!r}: {error}") from error
        metrics[f"{name}@{metric.setting}" if metric.setting else name] = metric
    return metrics
