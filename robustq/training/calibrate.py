"""Calibrate a trained model: set its projections and codebook from its own features, without a training step."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from sklearn.cluster import MiniBatchKMeans
from torch import Tensor

from robustq.data.open_dataset import Data, as_dataset
from robustq.data.prepared_cases import PreparedCases
from robustq.data.slices import to_slices
from robustq.dataset import Entry
from robustq.errors import RequestError
from robustq.model.bottleneck import Bottleneck
from robustq.model.segmenter import Segmenter
from robustq.model.spec import CALIBRATED, adopt_labels
from robustq.model.weights_digest import as_known, weights_digest
from robustq.model.windows import batches_of
from robustq.network.feature_maps import require_features
from robustq.network.run_network import evaluation_mode
from robustq.training.split import split
from robustq.training.validate import validate

TOKENS = 2**18
"""Largest number of tokens that are kept; they are taken evenly from the cases."""


@dataclass(frozen=True)
class Calibration:
    """What a calibration did.

    Attributes:
        tokens: number of tokens on which the codebook was fitted.
        cases: number of cases that these tokens came from.
        explained: share of the features' variance that the projection to D channels keeps.
        before: mean Dice of the network as it was, on the held-out cases, on which nothing was fitted.
        after: mean Dice with the bottleneck quantised, on the held-out cases.
        codes_in_use: number of codes that were chosen at least once on the held-out cases.
        validation: number of held-out cases.
    """

    tokens: int
    cases: int
    explained: float
    before: float
    after: float
    codes_in_use: int
    validation: int


def calibrate(
    model: Segmenter,
    data: Data,
    *,
    validation: float = 0.2,
    split_seed: int = 0,
    batch_size: int = 8,
) -> Calibration:
    """Set the projections to the features' principal components and the codebook to their k-means centres, in place.

    The projection before the quantiser keeps the D directions in which the features at the site vary most. The
    projection after it maps them back. k-means (mini-batch, scikit-learn) runs on the projected features.

    Weights and spec of the model change. Each module stays in the mode (training or evaluation) in which it was. A
    calibration that is refused changes nothing.

    Args:
        model: a wrapped network with trained weights, whose quantiser has one codebook of vectors.
        data: a dataset or the text of `--data`.
        validation: share of the cases that are held out: Dice is measured on them, and nothing is fitted on them.
        split_seed: seed that draws the held-out cases, as in training.
        batch_size: number of images, of slices or of windows in a pass.

    Raises:
        RequestError: the quantiser has no codebook that could be set, or there are fewer tokens than codes.
    """
    vectors = _only_codebook(model)
    dataset = as_dataset(data)
    spec = adopt_labels(as_known(model.spec, model.state_dict()), dataset)
    cases = PreparedCases(dataset, spec.preparation)
    fitted, held_out = split(cases.check(dataset.entries), validation=validation, seed=split_seed)
    bottleneck = model.bottlenecks[-1]
    assert isinstance(bottleneck, Bottleneck), "every quantiser stands in a bottleneck"
    with evaluation_mode(model):
        with model.bypassed():
            before, _ = validate(model, cases, held_out, batch_size=batch_size)
        tokens = _gather(model, cases, fitted, batch_size)
        size, dimension = vectors.shape[1:]
        if len(tokens) < size:
            raise RequestError(
                f"{len(fitted)} cases give {len(tokens)} tokens for {size} codes: give more cases, or wrap with "
                "fewer codes"
            )
        axes = _principal_axes(tokens, dimension)
        embeddings = np.zeros((len(tokens), dimension))
        embeddings[:, : len(axes.directions)] = (tokens - axes.mean) @ axes.directions.T
        kmeans = MiniBatchKMeans(size, random_state=spec.seed, batch_size=max(1024, size), n_init=3)
        kmeans.fit(embeddings)
        # The model changes only from here on, after everything that can be refused.
        _set_projections(bottleneck, axes)
        bottleneck.quantiser.start_from(torch.from_numpy(kmeans.cluster_centers_)[None])
        after, counts = validate(model, cases, held_out, batch_size=batch_size)
    assert counts is not None, "the model has a codebook"
    fingerprints = sorted(dataset.fingerprint(entry) for entry in fitted)
    model.spec = spec.but(
        remarks=(*spec.remarks, CALIBRATED),
        calibration_cases=tuple(fingerprints),
        fresh=weights_digest(model.state_dict()) if spec.fresh else "",
    )
    return Calibration(
        tokens=len(tokens),
        cases=len(fitted),
        explained=axes.explained,
        before=before,
        after=after,
        codes_in_use=int((counts > 0).sum()),
        validation=len(held_out),
    )


def _only_codebook(model: Segmenter) -> Tensor:
    """The vectors (1, K, D) of the model's codebook.

    Raises:
        RequestError: it has no codebook of vectors, or several.
    """
    vectors = None if model.quantiser is None else model.quantiser.vectors
    if vectors is None or len(vectors) > 1 or len(model.bottlenecks) > 1:
        raise RequestError(
            f"{model.spec.quantise} cannot be calibrated: k-means sets one codebook of vectors at the bottleneck, "
            "such as that of vq:KxD"
        )
    return vectors


@torch.no_grad()
def _gather(model: Segmenter, cases: PreparedCases, entries: Sequence[Entry], batch_size: int) -> np.ndarray:
    """Features at the site as tokens (N, C), float64."""
    device = model.device
    tokens_of_cases: list[np.ndarray] = []
    tokens_per_case = max(1, TOKENS // len(entries))
    for entry in entries:
        case = cases(entry)
        images = case.image[None] if case.slice_axis is None else to_slices(case.image, case.slice_axis)
        maps: list[Tensor] = []

        def keep(module: object, inputs: object, output: object, maps: list[Tensor] = maps) -> None:
            features = require_features(output, model.image_size, model.spec.site)
            maps.append(features.maps[-1].flatten(2).transpose(1, 2).cpu())

        handle = model.network.get_submodule(model.spec.site).register_forward_hook(keep, prepend=True)
        try:
            for batch in batches_of(model, images, batch_size=batch_size):
                model.encode(batch.to(device))
        finally:
            handle.remove()
        tokens = torch.cat(maps).flatten(0, 1).double().numpy()
        tokens_of_cases.append(tokens[:: max(1, len(tokens) // tokens_per_case)][:tokens_per_case])
    return np.concatenate(tokens_of_cases)


class _PrincipalAxes(NamedTuple):
    """The directions in which tokens vary most.

    Attributes:
        mean: mean of the tokens, (C).
        directions: unit vectors, (min(C, D), C), the direction of the largest variance first.
        explained: share of the variance in these directions.
    """

    mean: np.ndarray
    directions: np.ndarray
    explained: float


def _principal_axes(tokens: np.ndarray, dimension: int) -> _PrincipalAxes:
    """The D directions in which tokens (N, C) vary most; C directions if C is smaller."""
    _, variances, directions = np.linalg.svd(np.cov(tokens.T), hermitian=True)
    explained = float(variances[:dimension].sum() / variances.sum())
    return _PrincipalAxes(tokens.mean(0), directions[:dimension], explained)


@torch.no_grad()
def _set_projections(bottleneck: Bottleneck, axes: _PrincipalAxes) -> None:
    """Set e = P (x - m) before the quantiser and x = Pᵀ e + m after it; channels of e beyond those of x stay 0."""
    spatial = bottleneck.project_in.weight.shape[2:]
    mean = torch.from_numpy(axes.mean)
    matrix = torch.zeros(bottleneck.project_in.weight.shape[:2], dtype=torch.float64)
    matrix[: len(axes.directions)] = torch.from_numpy(axes.directions)
    bottleneck.project_in.weight.copy_(matrix.view(*matrix.shape, *spatial))
    bottleneck.project_out.weight.copy_(matrix.T.reshape(*matrix.T.shape, *spatial))
    for projection, bias in ((bottleneck.project_in, -matrix @ mean), (bottleneck.project_out, mean)):
        assert projection.bias is not None, "projections have a bias"
        projection.bias.copy_(bias)
