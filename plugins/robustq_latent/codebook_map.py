"""The places of codebook and embeddings in the plane of the embeddings' two principal components."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor

from robustq.analyser import Finding
from robustq.dataset import Entry

_EMBEDDING, _VECTOR = ("embedding_x", "embedding_y"), ("vector_x", "vector_y")
_SHARE = "plane_variance"


@dataclass(frozen=True)
class SampledTokens:
    """Some embeddings of one case.

    Attributes:
        entry: the case.
        numbers: indices of the tokens.
        embeddings: embeddings of these tokens, in the space where the quantiser searches.
    """

    entry: Entry
    numbers: Int[Tensor, " n"]
    embeddings: Float[Tensor, "n d"]

    @classmethod
    def evenly(cls, entry: Entry, embeddings: Float[Tensor, "p d"], most: int) -> "SampledTokens":
        """Evenly spaced tokens of a case, at most `most`."""
        numbers = torch.arange(0, len(embeddings), max(1, len(embeddings) // most))[:most]
        return cls(entry, numbers, embeddings.cpu()[numbers])


@dataclass(frozen=True)
class CodebookMap:
    """Embeddings and codebook vectors in one plane.

    Attributes:
        embeddings: places of the sampled tokens.
        vectors: places of the vectors of one stage.
        counts: how often each vector was chosen.
        share: share of the embeddings' variance that lies in the plane; NaN if they do not vary.
    """

    embeddings: Float[Tensor, "n 2"]
    vectors: Float[Tensor, "k 2"]
    counts: Float[Tensor, " k"]
    share: float

    @classmethod
    def read(cls, rows: pd.DataFrame) -> "CodebookMap | None":
        """Read the map from the rows of one model; None if an earlier version of robustq wrote no map."""
        by_metric = dict(list(rows[rows["metric"].isin([*_EMBEDDING, *_VECTOR, _SHARE])].groupby("metric")))
        if _SHARE not in by_metric:
            return None
        used = rows[(rows["metric"] == "code_usage") & (rows["domain"] == "")].set_index("label")["value"]
        labels = by_metric[_VECTOR[0]]["label"]
        embeddings, vectors = (
            torch.stack([torch.tensor(by_metric[metric]["value"].to_numpy(float)) for metric in axes], 1)
            for axes in (_EMBEDDING, _VECTOR)
        )
        counts = torch.tensor(used.reindex(labels).fillna(0.0).to_numpy(float))
        return cls(embeddings, vectors, counts, float(by_metric[_SHARE]["value"].iloc[0]))


def map_findings(samples: Sequence[SampledTokens], vectors: Float[Tensor, "k d"], stage: str) -> Iterable[Finding]:
    """The places of embeddings and vectors in the plane of the embeddings' two principal components.

    Args:
        samples: embeddings of clean cases.
        vectors: vectors of one stage.
        stage: prefix of the labels of codes: "0:" if the quantiser has several stages, else "".
    """
    embeddings = torch.cat([sample.embeddings for sample in samples]).double()
    centre = embeddings.mean(0)
    variances, axes = torch.linalg.eigh((embeddings - centre).T @ (embeddings - centre))
    # Variances ascend. The sign of an axis is arbitrary, so its largest entry is made positive.
    plane = axes.flip(1)[:, :2]
    plane = plane * plane.gather(0, plane.abs().argmax(0, keepdim=True)).sign()
    total = float(variances.sum())
    share = float(variances.flip(0)[:2].sum()) / total if total > 0 else None
    yield Finding(_SHARE, share, reason="" if share is not None else "constant", for_figure=True)
    for sample in samples:
        for token, place in zip(sample.numbers.tolist(), _places(sample.embeddings, centre, plane), strict=True):
            for metric, value in zip(_EMBEDDING, place, strict=True):
                yield Finding(metric, value, label=str(token), entry=sample.entry, for_figure=True)
    for code, place in enumerate(_places(vectors, centre, plane)):
        for metric, value in zip(_VECTOR, place, strict=True):
            yield Finding(metric, value, label=f"{stage}{code}", for_figure=True)


def _places(
    points: Float[Tensor, "n d"], centre: Float[Tensor, " d"], plane: Float[Tensor, "d axes"]
) -> list[list[float]]:
    """Both coordinates of each point; the second is 0 if the space has one dimension."""
    places = (points.double() - centre) @ plane
    return [[*place, 0.0][:2] for place in places.tolist()]
