"""Reads the metrics that a stress run is asked for."""

from collections.abc import Mapping, Sequence

from robustq.errors import RequestError
from robustq.metric import AGREEMENT, AbstractMetric, parse_metrics


def asked_metrics(text: str, attacks: Sequence[str], *, without_labels: bool) -> Mapping[str, AbstractMetric]:
    """The metrics by the text that stands in the rows; of a run without labels, those of agreement.

    Args:
        text: value of `--metrics`.
        attacks: the attacks that are asked for.
        without_labels: whether answers are compared with the clean answers, and not with the truth.

    Raises:
        RequestError: the text names no metrics, or something needs the truth that a run without labels does not use.
    """
    metrics = parse_metrics(text)
    if not without_labels:
        agreements = [name for name in metrics if name.startswith(AGREEMENT)]
        if agreements:
            raise RequestError(
                f"{', '.join(agreements)} is measured by runs without labels: ask for "
                f"{agreements[0].removeprefix(AGREEMENT)} with --without-labels (without_labels=True)"
            )
        return metrics
    if attacks:
        raise RequestError(
            f"{', '.join(attacks)} needs the truth, which it leads the model away from: leave --attack or "
            "--without-labels out"
        )
    unfit = [name for name, metric in metrics.items() if metric.needs_probabilities]
    if unfit:
        raise RequestError(
            f"{', '.join(unfit)} needs the truth: leave it out of --metrics, or leave --without-labels out"
        )
    return {AGREEMENT + name.removeprefix(AGREEMENT): metric for name, metric in metrics.items()}
