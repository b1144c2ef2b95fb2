"""Analysers as a stranger writes them, and a registry that knows them."""

from collections.abc import Iterable
from importlib.metadata import EntryPoint
from typing import ClassVar

import pytest
import torch
from torch import Tensor

from robustq import registry
from robustq.analyser import AbstractAnalyser, Draws, Finding
from robustq.dataset import Case
from robustq.latent.latents import Latent
from robustq.model.segmenter import Segmenter


def register(monkeypatch: pytest.MonkeyPatch, module: str = __name__, **classes: str) -> None:
    """Let the registry know analysers of a module by name, as if a distribution had brought them."""
    known = {name: EntryPoint(name, f"{module}:{cls}", "robustq.analysers") for name, cls in classes.items()}
    points = registry._points
    monkeypatch.setattr(registry, "_points", lambda group: {**points(group), **(known if group == "analysers" else {})})


class Answers(AbstractAnalyser):
    """How many voxels the model answers with, and how many change their answer under noise."""

    needs_draws: ClassVar[bool] = True
    needs_output: ClassVar[bool] = True

    def __init__(self, model: Segmenter, setting: str = "") -> None:
        super().__init__(model, setting)
        self._findings: list[Finding] = []
        self._clean, self._changed = torch.zeros(()), 0

    def clean(self, case: Case, latent: Latent) -> None:
        assert latent.output is not None
        self._findings.append(Finding("voxels", float(latent.output.sum()), entry=case.entry))

    def findings(self) -> Iterable[Finding]:
        return self._findings

    def begin(self, case: Case, latent: Latent) -> None:
        assert latent.output is not None
        self._clean, self._changed = latent.output, 0

    def observe(self, draws: Draws) -> None:
        assert draws.latent.output is not None
        self._changed += int(draws.latent.output.ne(self._clean).sum())

    def end(self) -> Iterable[Finding]:
        yield Finding("changed_voxels", float(self._changed))


class Opinion(AbstractAnalyser):
    """A verdict without a reason."""

    verdict_metric: ClassVar[str] = "liked"

    def clean(self, case: Case, latent: Latent) -> None: ...

    def findings(self) -> Iterable[Finding]:
        yield Finding("liked", 1.0, reason="nice")


class Blind(AbstractAnalyser):
    """Asks for no output, and must be given none."""

    needs_draws: ClassVar[bool] = True

    def clean(self, case: Case, latent: Latent) -> None:
        assert latent.output is None

    def observe(self, draws: Draws) -> None:
        assert draws.latent.output is None


class Power(AbstractAnalyser):
    """Written before settings had one spelling: the constructor reads what was typed."""

    def __init__(self, model: Segmenter, setting: str = "") -> None:
        self.model, self.exponent = model, float(setting or 2)
        self._total: Tensor = torch.zeros(())

    def clean(self, case: Case, latent: Latent) -> None:
        self._total = self._total + latent.quantised.abs().pow(self.exponent).mean()

    def findings(self) -> Iterable[Finding]:
        yield Finding("power", float(self._total))
