"""The contract of a metric: ours keep it, a stranger's is told where it breaks it, and lists of metrics are read."""

import math
from dataclasses import dataclass
from typing import ClassVar

import pytest

from robustq import registry
from robustq.errors import RequestError
from robustq.metric import AbstractMetric, Comparison, Unit, parse_metrics
from robustq.testing.metric import check_metric


@pytest.mark.parametrize("name", registry.names("metrics"))
def test_every_registered_metric_keeps_the_contract(name):
    check_metric(registry.load("metrics", name)())


@pytest.mark.parametrize("text", ["nsd@2mm", "nsd@0.5px", "hausdorff@99"])
def test_a_metric_with_a_setting_keeps_the_contract(text):
    (metric,) = parse_metrics(text).values()

    check_metric(metric)


@dataclass(frozen=True)
class Stranger(AbstractMetric):
    """Scores as it is told to."""

    equal: float = 1.0
    other: float = 0.0
    empty: float = math.nan

    measures_distance: ClassVar[bool] = False
    higher_is_better: ClassVar[bool] = True
    largest: ClassVar[float] = 1

    def unit(self, unit: Unit) -> str:
        """None."""
        return ""

    def score(self, comparison: Comparison) -> float:
        """One of three numbers."""
        if not (comparison.volume or comparison.truth.volume):
            return self.empty
        same = comparison.overlap == comparison.volume == comparison.truth.volume
        return self.equal if same else self.other


@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        (Stranger(equal=-1.0), "scores a part"),
        (Stranger(equal=100.0), "scores 100.0, above its largest, 1"),
        (Stranger(empty=1.0), "scores two empty masks"),
        (Stranger(equal=math.nan), "scores equal masks nan"),
        (Stranger(other=math.nan), "scores a missed label nan under missing=drop"),
    ],
)
def test_a_strangers_metric_is_told_which_promise_it_breaks(broken, sentence):
    check_metric(Stranger())
    with pytest.raises(AssertionError, match=sentence):
        check_metric(broken)


def test_a_list_is_read_in_order_under_one_spelling():
    metrics = parse_metrics("dice, nsd@2.0mm,hausdorff@100,hausdorff@99.50, hd95,nsd@2mm")

    assert list(metrics) == ["dice", "nsd@2mm", "hausdorff", "hausdorff@99.5", "hd95"]


@pytest.mark.parametrize("text", ["dice", "hausdorff@99", "nsd@0.25px"])
def test_the_name_in_a_column_can_be_given_again(text):
    ((name, metric),) = parse_metrics(text).items()

    assert parse_metrics(name) == {name: metric}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "not a list of metrics"),
        ("dice,", "not a list of metrics"),
        ("dicee", "unknown metric 'dicee': did you mean dice"),
        ("dice@2", "metric 'dice@2': this metric takes nothing after @"),
        ("nsd", "metric 'nsd': nsd needs a tolerance"),
        ("nsd@abc", "metric 'nsd@abc': 'abc' is not a tolerance"),
        ("nsd@2", "'2' is not a tolerance"),
        ("nsd@-2mm", "'-2mm' is not a tolerance"),
        ("nsd@nanmm", "'nanmm' is not a tolerance"),
        ("nsd@²mm", "'²mm' is not a tolerance"),
        ("hausdorff@x", "'x' is not a percentile"),
        ("hausdorff@0", "'0' is not a percentile"),
        ("hausdorff@0.95", "'0.95' is not a percentile: give a number from 1 to 100"),
        ("hausdorff@nan", "'nan' is not a percentile"),
    ],
)
def test_a_list_that_cannot_be_read_is_refused_in_one_sentence(text, sentence):
    with pytest.raises(RequestError, match=sentence) as refusal:
        parse_metrics(text)
    assert "\n" not in str(refusal.value)


def test_a_tolerance_meets_only_spacings_in_its_own_unit():
    (metric,) = parse_metrics("nsd@2mm").values()

    assert metric.unit("mm") == ""
    with pytest.raises(RequestError, match=r"nsd@2mm needs a spacing in mm, but this one is in px: give nsd@2px"):
        metric.unit("px")


@pytest.mark.parametrize(("name", "unit"), [("dice", ""), ("iou", ""), ("nsd", ""), ("hd95", "mm"), ("assd", "mm")])
def test_a_distance_has_the_unit_of_the_spacing_and_a_share_none(name, unit):
    assert registry.load("metrics", name)().unit("mm") == unit
