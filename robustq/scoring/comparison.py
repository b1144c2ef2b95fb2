"""Compares one predicted mask with one true mask. Boundary distances are computed once for all metrics."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial import cKDTree

from robustq.errors import RequestError, unknown
from robustq.scoring.boundary import boundary, bounding_box, enclosing, near_voxels, place, points
from robustq.scoring.truth import LEAF, Truth
from robustq.shapes import by

Missing = Literal["diagonal", "inf", "drop"]

NEAR = 5
"""How many voxels around the two masks belong to the foreground."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """The comparison of one predicted mask with one true mask.

    The boundary distances are computed at their first use and shared by all metrics that get this object.

    Attributes:
        prediction: the predicted mask, (*S).
        truth: the true mask.
        missing: policy for a distance when only one of the two masks is empty: the image's `diagonal`, `inf`, or no
            value (`drop`).
        probability: the model's probability of the label at each voxel, (*S), NaN at ignored voxels; None where no
            metric needs it.

    Raises:
        RequestError: the shapes differ, or the policy does not exist.
    """

    prediction: Bool[np.ndarray, "*s"]
    truth: Truth
    missing: Missing = "diagonal"
    probability: Float[np.ndarray, "*s"] | None = None

    def __post_init__(self) -> None:
        if self.missing not in get_args(Missing):
            raise unknown("policy for missing structures", self.missing, get_args(Missing))
        if self.prediction.shape != self.truth.mask.shape:
            given, expected = by(self.prediction.shape), by(self.truth.mask.shape)
            raise RequestError(f"the prediction has shape {given} and the truth {expected}: give both on the same grid")

    @cached_property
    def volume(self) -> int:
        """Number of voxels of the prediction."""
        return int(np.count_nonzero(self.prediction))

    @cached_property
    def overlap(self) -> int:
        """Number of voxels that both masks hold."""
        box = self.truth.box
        return 0 if box is None else int(np.count_nonzero(self.prediction[box] & self.truth.mask[box]))

    @property
    def missed(self) -> bool:
        """Whether the label is present but no voxel of it was predicted."""
        return self.volume == 0 and not self.truth.empty

    @property
    def measurable(self) -> bool:
        """Whether neither mask is empty, so that there are distances between them."""
        return self.volume > 0 and not self.truth.empty

    @property
    def substitute(self) -> float:
        """The value of a distance that cannot be measured because a mask is empty, in the truth's unit.

        It is NaN if both masks are empty. If one mask is empty, the policy decides, whichever mask it is.
        """
        if self.missing == "drop" or (self.volume == 0 and self.truth.empty):
            return math.nan
        return math.inf if self.missing == "inf" else self.truth.diagonal

    @cached_property
    def foreground(self) -> Bool[np.ndarray, "*s"]:
        """The voxels that either mask holds, and all whose centre is at most `NEAR` voxels away from one of these."""
        return near_voxels(self.prediction | self.truth.mask, NEAR)

    @property
    def to_truth(self) -> Float[np.ndarray, " n"]:
        """Distance of each point of the predicted boundary to the true boundary, in no order, in the truth's unit.

        Neither mask may be empty.
        """
        return self._distances[0]

    @property
    def to_prediction(self) -> Float[np.ndarray, " m"]:
        """Distance of each point of the true boundary to the predicted boundary; otherwise as `to_truth`."""
        return self._distances[1]

    @cached_property
    def _distances(self) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " m"]]:
        truth, predicted_box = self.truth, bounding_box(self.prediction)
        assert predicted_box is not None, "distances need a predicted mask that is not empty"
        assert truth.box is not None, "distances need a true mask that is not empty"
        box = enclosing(predicted_box, truth.box)
        predicted = boundary(self.prediction[box])
        true = np.zeros_like(predicted)
        true[place(truth.box, box)] = truth.boundary
        # A point that is on both boundaries has distance 0, so it needs no search.
        only_predicted = points(predicted & ~true, truth.spacing, box)
        only_true = points(true & ~predicted, truth.spacing, box)
        all_predicted = points(predicted, truth.spacing, box)
        to_truth, to_prediction = np.zeros(len(all_predicted)), np.zeros(truth.tree.n)
        if len(only_predicted):
            to_truth[: len(only_predicted)] = truth.tree.query(only_predicted)[0]
        if len(only_true):
            # This tree is queried only once, so balancing it would cost more time than it saves.
            tree = cKDTree(all_predicted, leafsize=LEAF, balanced_tree=False, compact_nodes=False)
            to_prediction[: len(only_true)] = tree.query(only_true)[0]
        return to_truth, to_prediction
