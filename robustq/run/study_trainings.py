"""The trainings of a study: what each one is determined by, and where its bundle is kept."""

import json
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch

from robustq.data.preparation import Preparation
from robustq.errors import RequestError
from robustq.model.segmenter import Segmenter
from robustq.model.spec import adopt_labels
from robustq.model.wrap import wrap
from robustq.network.output_masks import count_labels, default_answer, numbered_labels
from robustq.request.study_model import StudyModel
from robustq.run.study_data import StudyData
from robustq.training.code_version import TRAINING_CODE
from robustq.training.fresh_prior import check_prior
from robustq.training.recipe import Recipe
from robustq.whole_file import whole_file


def digest_of(document: object) -> str:
    """Sixteen hexadecimal digits that change when a document of JSON values does."""
    return sha256(json.dumps(document, sort_keys=True, default=str).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class StudyTraining:
    """One network of a study: a model, a training set and a training seed.

    Attributes:
        model: the model.
        train: text of the training set.
        seed: the training seed, which also draws the weights.
        data: the datasets of the study.
        folder: folder of all trainings.
        device: device of the training. It is no part of what determines a training.
    """

    model: StudyModel
    train: str
    seed: int
    data: StudyData
    folder: Path
    device: str

    @property
    def recipe(self) -> Recipe:
        """The recipe with the training seed.

        Raises:
            RequestError: a value of the recipe cannot be used.
        """
        return Recipe(**self.model.recipe, seed=self.seed, device=self.device)

    def fresh(self) -> Segmenter:
        """The network with fresh weights.

        Raises:
            RequestError: as `robustq.wrap`.
        """
        arguments, prepared = dict(self.model.wrap), dict(self.model.prepared)
        dims, channels = arguments.setdefault("dims", 2), arguments.setdefault("in_channels", 1)
        classes = arguments.setdefault("classes", 2)
        answer = arguments.get("answer") or default_answer(classes)
        prepared.setdefault("labels", numbered_labels(count_labels(classes, answer)))
        preparation = Preparation(dims=dims, channels=channels, **prepared)
        settings = self.model.settings
        return wrap(self.model.network, preparation=preparation, seed=self.seed, **arguments, **settings)

    def check(self) -> None:
        """Refuse a model or a recipe with which no training can begin.

        Raises:
            RequestError: the message names the model.
        """
        try:
            model = self.fresh()
            check_prior(model, self.recipe)
            adopt_labels(model.spec, self.data[self.train])
        except RequestError as error:
            raise RequestError(f"the model {self.model.name!r} of the study: {error}") from error

    @cached_property
    def what(self) -> dict[str, Any]:
        """What determines the trained weights, as JSON values.

        Raises:
            RequestError: the model cannot be made, or does not suit the data.
        """
        recipe = self.recipe.to_dict()
        del recipe["device"]
        return {
            "spec": adopt_labels(self.fresh().spec, self.data[self.train]).to_dict(),
            "recipe": recipe,
            "data": self.data.digest(self.train),
            "torch": ".".join(torch.__version__.split(".")[:2]),
            "training_code": TRAINING_CODE,
        }

    @cached_property
    def digest(self) -> str:
        """The name of the training's folder; it changes when what determines the training does."""
        return digest_of(self.what)

    @property
    def bundle(self) -> Path:
        """The trained bundle; its history and the file to resume from lie beside it."""
        return self.folder / self.digest / "model.safetensors"

    @property
    def is_kept(self) -> bool:
        """Whether the training was finished before."""
        return self.bundle.exists() and not self.bundle.with_suffix(".resume.pt").exists()

    def note(self) -> None:
        """Write what determines the training beside its bundle."""
        with whole_file(self.bundle.with_name("what.json")) as partial:
            partial.write_text(json.dumps(self.what, indent=2, default=str) + "\n")
