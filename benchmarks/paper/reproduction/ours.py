"""What a study measured, by the data sets and the models of the paper."""

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property

import pandas as pd

from reproduction.published_figures import DATA, UNET, VQ
from robustq.errors import RequestError, unknown
from robustq.request.study import short_name
from robustq.results.analysis import Analysis, measured
from robustq.results.shift import Shift
from robustq.results.stress_run import Run
from robustq.results.study import Study
from robustq.results.study_file import Step
from robustq.statistics.group_means import GROUP, group_means

MATCHED = "matched baseline"
"""A model of this name stands in the tables beside the paper's two."""

_WORDS = {"nih": "NIH", "jsrt": "JSRT", "btcv": "Abdomen", "bmc": "BMC", "runmc": "RUNMC"}
"""Words in the text of a data set that show which set of the paper it is."""

_NO_ROWS = pd.DataFrame(columns=["model", "perturbation", "level", "metric", "label", *GROUP, "value"])


class Ours:
    """Reads a study as a reproduction of the paper. Without a study, everything is empty.

    Attributes:
        study: the study.
        roles: for the name of a model in the tables, its name in the study: the paper's two, and a matched baseline.
        data: for the name of a data set in the tables, the text of the study's.

    Args:
        study: a study, finished or not; None for none.
        unet: name of its model that stands beside the paper's UNet.
        vq: name of its model that stands beside the paper's VQ-UNet.
        stand_ins: for names of data sets of the paper, short names of data sets of the study. By default, sets that
            have the paper's names; if there are none, the first training set for NIH, and the next set for JSRT.

    Raises:
        RequestError: the study has no such model or data set.
    """

    def __init__(
        self, study: Study | None, unet: str = "unet", vq: str = "vq", stand_ins: Mapping[str, str] | None = None
    ) -> None:
        self.study = study
        trained = {name: None for step in self._steps("train") for name in step.models.values()}
        for name in (unet, vq):
            if study is not None and name not in trained:
                raise unknown("trained model of the study", name, trained)
        matched = {MATCHED: MATCHED} if MATCHED in trained and MATCHED not in (unet, vq) else {}
        self.roles = {UNET: unet, **matched, VQ: vq}
        texts = [text for step in self._steps("stress") for text in (step.train, step.test)]
        self.data = _stand_ins([*dict.fromkeys(texts), *self._shifted_alone(texts)], stand_ins or {})

    def section(self, data: str) -> str:
        """The name of a data set in a table: that of the paper's, and that of the set that stands in for it."""
        text = self.data.get(data)
        return f"{data} (ours: {short_name(text)})" if text is not None and _known(text) != data else data

    @property
    def notes(self) -> list[str]:
        """Notes on data sets that stand in for others, and on models."""
        notes = [
            f"{short_name(text)} stands in for {name} ({DATA[name].shows}). It is other data, so compare the "
            "differences between models with those of the paper, and not the figures."
            for name, text in self.data.items()
            if _known(text) != name
        ]
        renamed = [f"{role} is the model {name!r} of the study" for role, name in self.roles.items() if role != name]
        return [*notes, f"{'; '.join(renamed)}."] if self.study is not None else []

    def networks(self, role: str) -> list[str]:
        """The networks of a model in the runs: one for each training seed and training set."""
        steps = [step for kind in ("stress", "analyse", "shift") for step in self._steps(kind)]
        names = [name for step in steps for name, model in step.models.items() if model == self.roles[role]]
        return list(dict.fromkeys(names))

    @property
    def architectures(self) -> dict[str, str]:
        """For the name of a network in the runs, the name of its model in the tables."""
        return {network: role for role in self.roles for network in self.networks(role)}

    def runs(self, data: str) -> list[Run]:
        """The stress runs of all training seeds on held-out cases of the data set on which they were trained."""
        return [Run(self.folder(step)) for step in self._in_domain("stress", data)]

    def means(self, data: str, *, by_label: bool = False) -> pd.DataFrame:
        """The group means of these runs.

        Args:
            data: name of a data set in the tables.
            by_label: keep the labels apart.
        """
        frames = [run.to_frame() for run in self.runs(data)]
        return group_means(pd.concat(frames, ignore_index=True), by_label=by_label) if frames else _NO_ROWS

    def analyses(self, data: str) -> list[Analysis]:
        """The analyses of all training seeds on held-out cases of the data set on which they were trained."""
        return [Analysis(self.folder(step)) for step in self._in_domain("analyse", data)]

    def analysed(self, data: str) -> pd.DataFrame:
        """The measured rows of these analyses."""
        frames = [measured(analysis.to_frame()) for analysis in self.analyses(data)]
        return pd.concat(frames, ignore_index=True) if frames else _NO_ROWS

    @cached_property
    def shift(self) -> Shift | None:
        """The models in every domain, under their names in the tables; None where the study does not have it."""
        shift = None if self.study is None else self.study.shift
        return None if shift is None else replace(shift, names=self.architectures)

    def domain(self, data: str) -> str:
        """The domain that is a data set of the tables in `shift`; "?" where there is none."""
        names = _names(self.data.get(data, "?"))
        return next((domain for domain in self._domains if _data_set(domain) in names), "?")

    def folder(self, step: Step) -> str:
        """The run directory of a step."""
        assert self.study is not None, "a step is one of a study"
        return str(self.study.path / step.directory)

    @property
    def _domains(self) -> list[str]:
        return [] if self.shift is None else self.shift.run.domains.names

    def _shifted_alone(self, texts: list[str]) -> list[str]:
        """The names of the data sets of `shift` that are none of these texts, if it has several sets."""
        known = {name for text in texts for name in _names(text)}
        sets = dict.fromkeys(domain.partition("/")[0] for domain in self._domains if "/" in domain)
        return [name for name in sets if name.lower() not in known]

    def _in_domain(self, kind: str, data: str) -> list[Step]:
        text = self.data.get(data)
        return [step for step in self._steps(kind) if step.train == step.test == text]

    def _steps(self, kind: str) -> list[Step]:
        steps = [] if self.study is None else self.study.steps
        return [step for step in steps if step.kind == kind and not step.reason]


def _names(text: str) -> set[str]:
    """The names that the data set of a text of `--data` can have in a run."""
    last = short_name(text).lower()
    return {last, last.removesuffix(".csv"), text.partition(":")[0].lower()}


def _data_set(domain: str) -> str:
    """The name of the data set of a domain in a run over several sets."""
    return short_name(domain.partition("/")[0]).lower()


def _known(text: str) -> str:
    """The data set of the paper that a text of `--data` names; "" for another one."""
    words = re.split(r"[^a-z0-9]+", text.lower())
    return next((_WORDS[word] for word in words if word in _WORDS), "")


def _stand_ins(texts: list[str], asked: Mapping[str, str]) -> dict[str, str]:
    """For the names of data sets in the tables, texts of the study."""
    by_name = {short_name(text): text for text in texts}
    for name, stand_in in asked.items():
        if name not in DATA:
            raise unknown("data set of the paper", name, DATA)
        if stand_in not in by_name:
            raise unknown("data set of the study", stand_in, by_name)
    if asked:
        return {name: by_name[stand_in] for name, stand_in in asked.items()}
    known = {_known(text): text for text in texts if _known(text)}
    return known or dict(zip(("NIH", "JSRT"), texts, strict=False))


def parse_stand_ins(texts: list[str]) -> dict[str, str]:
    """The pairs of texts such as `NIH=montgomery`.

    Raises:
        RequestError: a text is not of this form.
    """
    pairs = [text.partition("=") for text in texts]
    for name, equals, stand_in in pairs:
        if not (name and equals and stand_in):
            raise RequestError(f"--as {name!r} names no stand-in: write PAPER=OURS, such as NIH=montgomery")
    return {name: stand_in for name, _, stand_in in pairs}
