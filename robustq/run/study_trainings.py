"""The trainings of a study: what each one is determined by."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from robustq.data.preparation import Preparation
from robustq.errors import RequestError
from robustq.model.segmenter import Segmenter
from robustq.model.spec import adopt_labels
from robustq.model.wrap import wrap
from robustq.network.output_masks import count_labels, default_answer, numbered_labels
from robustq.request.study_model import StudyModel
from robustq.run.kept_training import KeptTraining, versions
from robustq.run.study_data import StudyData
from robustq.training.fresh_prior import check_prior
from robustq.training.recipe import Recipe


@dataclass(frozen=True)
class StudyTraining:
    """One network of a study: a model, a training set and a training seed.

    Attributes:
        model: the model.
        train: text of the training set.
        seed: the training seed, which also draws the weights.
        data: the datasets of the study.
        trainings: folder of all trainings.
        device: device of the training. It is no part of what determines a training.
    """

    model: StudyModel
    train: str
    seed: int
    data: StudyData
    trainings: Path
    device: str

    @property
    def name(self) -> str:
        """The network in words; no other one of the study has them."""
        return f"{self.model.name} of seed {self.seed} on {self.train}"

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
    def kept(self) -> KeptTraining:
        """Where the trained network is kept.

        Raises:
            RequestError: the network cannot be made, or does not suit the data.
        """
        recipe = self.recipe.to_dict()
        del recipe["device"]
        what = {
            "spec": adopt_labels(self.fresh().spec, self.data[self.train]).to_dict(),
            "recipe": recipe,
            "data": self.data.digest(self.train),
            **versions(),
        }
        return KeptTraining(self.trainings, what)
