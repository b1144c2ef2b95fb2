"""A plain sentence on each figure of a page that a reader may not know."""

from collections.abc import Sequence

from robustq.report.page.levels import Levels
from robustq.request.with_setting import without_setting

_METRICS = {
    "dice": "how far answer and truth overlap; 1 is perfect, 0 is no overlap.",
    "iou": "the voxels that answer and truth share, divided by those of either; 1 is perfect.",
    "hd95": "95 % of each boundary, of the answer and of the truth, lies no farther than this from the other one; 0 is "
    "perfect.",
    "assd": "the mean distance between the boundaries of answer and truth; 0 is perfect.",
    "hausdorff": "the given percentage of each boundary, of the answer and of the truth, lies no farther than this "
    "from the other one; 0 is perfect.",
    "nsd": "the share of both boundaries that lies within the tolerance of the other one; 1 is perfect.",
    "ece": "how far the probabilities lie from the share of voxels that have the label, the mean over 15 equal bins of "
    "probability; 0 is perfect, and says nothing of how good the answer is.",
    "ace": "as ece, over 15 bins that hold equally many voxels; 0 is perfect.",
    "brier": "the mean squared distance of the probabilities from the truth (0 or 1); 0 is perfect.",
    "nll": "the mean of minus the logarithm of the probability that the truth was given; 0 is perfect.",
}
"""For the name of a metric, what a reader is told of it."""


def words(measures: Sequence[Levels]) -> list[str]:
    """What is told of these metrics, and of AUDC if one of them has it."""
    areas = [measure.title for measure in measures if measure.is_share and len(measure.levels) > 1]
    of_area = (
        f"AUDC: the area under the curve of {' or '.join(areas)} against level, divided by the range of the levels; "
        "1 is perfect."
    )
    return [*metric_words(measures), *([of_area] if areas else [])]


def metric_words(measures: Sequence[Levels]) -> list[str]:
    """A sentence on each of these metrics; those of a plugin have none."""
    sentences = {measure.title: _METRICS.get(without_setting(measure.metric)) for measure in measures}
    return [f"{title}: {sentence}" for title, sentence in sentences.items() if sentence]
