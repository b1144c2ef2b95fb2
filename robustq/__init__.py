"""Measure how robust a segmentation network is, why, and whether a quantised bottleneck makes it more robust.

model = robustq.wrap("unet", quantise="1024x256")
run = robustq.stress({"vq": model}, "phantom", noise=["gaussian"], levels=[0, 1, 10, 20, 30])
print(run.table())
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from robustq import geometry as geometry
    from robustq import metrics as metrics
    from robustq.data.in_memory import InMemoryDataset as InMemoryDataset
    from robustq.data.open_dataset import open_dataset as open_dataset
    from robustq.data.preparation import Preparation as Preparation
    from robustq.draws.perturb_batch import perturb as perturb
    from robustq.errors import CaseError as CaseError
    from robustq.errors import RequestError as RequestError
    from robustq.model.load import load as load
    from robustq.model.segmenter import Parts as Parts
    from robustq.model.segmenter import Segmenter as Segmenter
    from robustq.model.wrap import wrap as wrap
    from robustq.results.analysis import Analysis as Analysis
    from robustq.results.card import Card as Card
    from robustq.results.card import card as card
    from robustq.results.differences import Differences as Differences
    from robustq.results.differences import compare as compare
    from robustq.results.gate import Gate as Gate
    from robustq.results.gate import gate as gate
    from robustq.results.minimal_levels import MinimalLevel as MinimalLevel
    from robustq.results.minimal_levels import MinimalLevels as MinimalLevels
    from robustq.results.page import write_page as write_page
    from robustq.results.ranking import Ranking as Ranking
    from robustq.results.ranking import ranking as ranking
    from robustq.results.shift import Shift as Shift
    from robustq.results.stress_run import Run as Run
    from robustq.results.study import Study as Study
    from robustq.run.analyse import analyse as analyse
    from robustq.run.minimal_level import minimal_level as minimal_level
    from robustq.run.minimal_levels import minimal_levels as minimal_levels
    from robustq.run.shift import shift as shift
    from robustq.run.stress import stress as stress
    from robustq.run.study import study as study
    from robustq.training.calibrate import calibrate as calibrate
    from robustq.training.loss import QuantisedLoss as QuantisedLoss
    from robustq.training.recipe import Recipe as Recipe
    from robustq.training.train import train as train

_HOMES = {
    "Analysis": "results.analysis",
    "Card": "results.card",
    "CaseError": "errors",
    "Differences": "results.differences",
    "Gate": "results.gate",
    "InMemoryDataset": "data.in_memory",
    "MinimalLevel": "results.minimal_levels",
    "MinimalLevels": "results.minimal_levels",
    "Parts": "model.segmenter",
    "Preparation": "data.preparation",
    "QuantisedLoss": "training.loss",
    "Ranking": "results.ranking",
    "Recipe": "training.recipe",
    "RequestError": "errors",
    "Run": "results.stress_run",
    "Segmenter": "model.segmenter",
    "Shift": "results.shift",
    "Study": "results.study",
    "analyse": "run.analyse",
    "calibrate": "training.calibrate",
    "card": "results.card",
    "compare": "results.differences",
    "gate": "results.gate",
    "geometry": "geometry",
    "load": "model.load",
    "metrics": "metrics",
    "minimal_level": "run.minimal_level",
    "minimal_levels": "run.minimal_levels",
    "open_dataset": "data.open_dataset",
    "perturb": "draws.perturb_batch",
    "ranking": "results.ranking",
    "shift": "run.shift",
    "stress": "run.stress",
    "study": "run.study",
    "train": "training.train",
    "wrap": "model.wrap",
    "write_page": "results.page",
}
"""Public name -> the module that defines it. A module is imported at the first use of its name, so that the command
line starts fast."""

_MODULES = ("geometry", "metrics")
"""Public names that are modules themselves."""

__all__ = [
    "Analysis",
    "Card",
    "CaseError",
    "Differences",
    "Gate",
    "InMemoryDataset",
    "MinimalLevel",
    "MinimalLevels",
    "Parts",
    "Preparation",
    "QuantisedLoss",
    "Ranking",
    "Recipe",
    "RequestError",
    "Run",
    "Segmenter",
    "Shift",
    "Study",
    "analyse",
    "calibrate",
    "card",
    "compare",
    "gate",
    "geometry",
    "load",
    "metrics",
    "minimal_level",
    "minimal_levels",
    "open_dataset",
    "perturb",
    "ranking",
    "shift",
    "stress",
    "study",
    "train",
    "wrap",
    "write_page",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'robustq' has no attribute {name!r}")
    home = import_module(f"robustq.{_HOMES[name]}")
    value = home if name in _MODULES else getattr(home, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
