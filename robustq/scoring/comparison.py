"""One predicted mask against one truth, and the boundary distances between them, computed once."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial import cKDTree

from robustq.errors import RequestError, unknown
from robustq.scoring.boundary import boundary, bounding_box, enclosing, place, points
from robustq.scoring.truth import LEAF, Truth
from robustq.shapes import by

Missing = Literal["diagonal", "inf", "drop"]


@dataclass(frozen=True, eq=False)
class Comparison:
    """One predicted mask against one truth.

    The boundary distances are computed when first asked for and shared by every metric that is given this object.

    Attributes:
        prediction: the predicted mask, (*S).
        truth: the true one.
        missing: what a distance is when only one of the two masks is empty: the image's `diagonal`, `inf`, or no
            value (`drop`).

    Raises:
        RequestError: the shapes differ, or the policy does not exist.
    """

    prediction: Bool[np.ndarray, "*s"]
    truth: Truth
    missing: Missing = "diagonal"

    def __post_init__(self) -> None:
        if self.missing not in get_args(Missing):
            raise unknown("policy for missing structures", self.missing, get_args(Missing))
        if self.prediction.shape != self.truth.mask.shape:
            given, expected = by(self.prediction.shape), by(self.truth.mask.shape)
            raise RequestError(
                f"the prediction has shape {given} and the truth {expected}: bring both to one grid before comparing"
            )

    @cached_property
    def volume(self) -> int:
        """Voxels of the prediction."""
        return int(np.count_nonzero(self.prediction))

    @cached_property
    def overlap(self) -> int:
        """Voxels that both masks hold."""
        box = self.truth.box
        return 0 if box is None else int(np.count_nonzero(self.prediction[box] & self.truth.mask[box]))

    @property
    def missed(self) -> bool:
        """Whether the label is present and nothing of it was predicted."""
        return self.volume == 0 and not self.truth.empty

    @property
    def measurable(self) -> bool:
        """Whether both masks hold something, so that there are distances between them."""
        return self.volume > 0 and not self.truth.empty

    @property
    def substitute(self) -> float:
        """What stands for a distance where there is none to measure, in the truth's unit.

        NaN if both masks are empty; else by the policy, whichever of the two is empty.
        """
        if self.missing == "drop" or (self.volume == 0 and self.truth.empty):
            return math.nan
        return math.inf if self.missing == "inf" else self.truth.diagonal

    @property
    def to_truth(self) -> Float[np.ndarray, " n"]:
        """Distance of each point of the predicted boundary to the true boundary, in no order, in the truth's unit.

        Both masks hold something.
        """
        return self._distances[0]

    @property
    def to_prediction(self) -> Float[np.ndarray, " m"]:
        """Distance of each point of the true boundary to the predicted boundary; as `to_truth`."""
        return self._distances[1]

    @cached_property
    def _distances(self) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " m"]]:
        truth, own = self.truth, bounding_box(self.prediction)
        assert own is not None, "asked only where both masks hold something"
        assert truth.box is not None, "asked only where both masks hold something"
        box = enclosing(own, truth.box)
        predicted = boundary(self.prediction[box])
        true = np.zeros_like(predicted)
        true[place(truth.box, box)] = truth.boundary
        # A point of both boundaries is at distance 0 and need not be searched for.
        alone = points(predicted & ~true, truth.spacing, box)
        lost = points(true & ~predicted, truth.spacing, box)
        everywhere = points(predicted, truth.spacing, box)
        to_truth, to_prediction = np.zeros(len(everywhere)), np.zeros(truth.tree.n)
        if len(alone):
            to_truth[: len(alone)] = truth.tree.query(alone)[0]
        if len(lost):
            # Asked only once: what balancing such a tree costs is not won back.
            tree = cKDTree(everywhere, leafsize=LEAF, balanced_tree=False, compact_nodes=False)
            to_prediction[: len(lost)] = tree.query(lost)[0]
        return to_truth, to_prediction
