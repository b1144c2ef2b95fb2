"""The priors of a study: each one is fitted to the codes of one of its trained networks."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from robustq.errors import RequestError
from robustq.model.load import load
from robustq.model.prior import make_prior
from robustq.model.segmenter import Segmenter
from robustq.request.study_model import StudyModel
from robustq.run.kept_training import KeptTraining, versions
from robustq.run.study_trainings import StudyTraining
from robustq.training.recipe import AFTER, Recipe


@dataclass(frozen=True)
class StudyPrior:
    """A trained network of a study with a prior over its codes. Nothing else of the network changes.

    Attributes:
        training: the training of the network.
        keywords: keywords of the `Recipe` of the prior.
    """

    training: StudyTraining
    keywords: Mapping[str, Any]

    @property
    def model(self) -> StudyModel:
        """The model of the network."""
        return self.training.model

    @property
    def train(self) -> str:
        """Text of the training set, which the prior is fitted to too."""
        return self.training.train

    @property
    def seed(self) -> int:
        """The training seed of the network, which also draws the weights of the prior."""
        return self.training.seed

    @property
    def name(self) -> str:
        """The prior in words; no other one of the study has them."""
        return f"prior of {self.training.name}"

    @property
    def recipe(self) -> Recipe:
        """The recipe with the training seed.

        Raises:
            RequestError: a value of the recipe cannot be used.
        """
        return Recipe(**self.keywords, prior=AFTER, seed=self.seed, device=self.training.device)

    @property
    def refusal(self) -> str:
        """Why no prior can be fitted to the codes of this network; "" where one can.

        Raises:
            RequestError: the network cannot be made.
        """
        if self.training.recipe.prior:
            return "its own recipe trains one"
        network = self.training.fresh()
        try:
            make_prior(network.quantiser, str(network.spec.quantise))
        except RequestError as error:
            return str(error)
        return ""

    def fresh(self) -> Segmenter:
        """The trained network, without the prior.

        Raises:
            RequestError: the network is not trained.
        """
        if not self.training.kept.is_done:
            raise RequestError("its network is not trained")
        return load(self.training.kept.bundle)

    @cached_property
    def kept(self) -> KeptTraining:
        """Where the network with its prior is kept.

        Raises:
            RequestError: as `StudyTraining.kept`.
        """
        recipe = self.recipe.to_dict()
        del recipe["device"]
        what = {"network": self.training.kept.digest, "recipe": recipe, **versions()}
        return KeptTraining(self.training.trainings, what)
