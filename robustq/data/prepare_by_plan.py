"""Has a case prepared by the framework that trained the network, as its plan says."""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from robustq import registry
from robustq.data.patches import NNUNET
from robustq.dataset import Case


@runtime_checkable
class PreparesByPlan(Protocol):
    """An architecture whose framework writes plans, and prepares cases by them."""

    def prepare(self, case: Case, plan: Mapping[str, Any]) -> Case:
        """The case on the grid on which the network works: its image, its mask with the stored values, its intensity
        range and its spacing.

        Args:
            case: a stored case.
            plan: what the framework's plan says of the preparation, JSON values.

        Raises:
            RequestError: the framework is not installed, or cannot read the plan.
            CaseError: the case cannot be prepared.
        """
        ...


def prepare_by_plan(case: Case, plan: Mapping[str, Any]) -> Case:
    """The case as nnU-Net prepares it. See `PreparesByPlan.prepare`."""
    architecture = registry.load("architectures", NNUNET)
    assert isinstance(architecture, PreparesByPlan), "nnU-Net's architecture prepares cases"
    return architecture.prepare(case, plan)
