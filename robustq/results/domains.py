"""The domains of a run's cases, and the models that were trained on each domain."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from robustq.model.spec import Spec
from robustq.report.domain_note import TrainingCases, domain_note


@dataclass(frozen=True)
class Domains:
    """The domains of the cases that a run scored.

    A run of an earlier version did not record the domains in which its models were trained. For such a run, only the
    cases that it scored show this.

    Attributes:
        document: contents of `run.json`.
    """

    document: Mapping[str, Any]

    @property
    def names(self) -> list[str]:
        """Names of the domains, those in which most models were trained first; "" for cases without a domain."""
        return sorted(self._cases, key=lambda domain: (-len(self.trained(domain)), domain))

    @property
    def told_apart(self) -> list[str]:
        """The names of the domains if there are several; empty if there is one."""
        return self.names if len(self.names) > 1 else []

    @property
    def titles(self) -> dict[str, str]:
        """For the name of each domain, its title; a single entry without name and title if there is one domain."""
        return {name: f"domain {name}" if name else "no domain" for name in self.told_apart} or {"": ""}

    def cases(self, domain: str) -> int:
        """Number of cases of a domain that were scored."""
        return len(self._cases[domain])

    def trained(self, domain: str) -> list[str]:
        """The models that were trained on cases of a domain, as far as that is known."""
        return [model for model in self._specs if self._counts(model).get(domain)]

    def about(self, domain: str) -> str:
        """A sentence on the number of cases of a domain and on the models that were trained on cases of it."""
        training = {}
        for model, spec in self._specs.items():
            if spec.training or spec.weights:
                counts = self._counts(model)
                recorded = spec.weights_cases is not None or not spec.weights
                complete = recorded and sum(counts.values()) >= len(spec.seen)
                training[model] = TrainingCases(counts.get(domain, 0), self._scored(model, domain), complete)
        return domain_note(f"Domain {domain}" if domain else "No domain", self.cases(domain), training)

    @cached_property
    def _cases(self) -> dict[str, list[str]]:
        """Fingerprints of the scored cases by domain."""
        cases: dict[str, list[str]] = {}
        for case in self.document["asked"]["data"]["cases"]:
            cases.setdefault(case["domain"], []).append(case["fingerprint"])
        return cases

    @cached_property
    def _specs(self) -> dict[str, Spec]:
        return {model["name"]: Spec.from_dict(model["spec"]) for model in self.document["asked"]["models"]}

    def _counts(self, model: str) -> Mapping[str, int]:
        """For each domain, the number of cases that a model was trained on."""
        counts: Mapping[str, Mapping[str, int]] = self.document.get("training_domains", {})
        return counts.get(model) or {domain: self._scored(model, domain) for domain in self._cases}

    def _scored(self, model: str, domain: str) -> int:
        """Number of scored cases of a domain that a model was trained on."""
        return sum(fingerprint in self._specs[model].seen for fingerprint in self._cases[domain])
