"""Makes the draws that the models of a stress run are shown, and counts the passes they take."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from robustq.attack import Aimed
from robustq.dataset import Case
from robustq.draws.attacked import Attacker
from robustq.draws.perturbed import Perturber
from robustq.metric import Truth
from robustq.network.memory import TOO_LARGE, is_out_of_memory
from robustq.request.names import CLEAN
from robustq.results.rows import Row, blank_row
from robustq.run.passes import Passes
from robustq.run.plan import Piece
from robustq.run.subjects import Subjects

Names = Mapping[str, Sequence[str]]
"""For each model that is shown a draw, the names under which its answers are stored."""


class Draw(NamedTuple):
    """A case as models are shown it.

    Attributes:
        clean: the unperturbed case.
        case: the perturbed case; the clean one at level 0, or if it could not be perturbed.
        truths: true mask of each label of the perturbed case; none in a run without labels whose case has no mask.
        shared: the columns that all rows of this draw share.
        names: for each model that is shown the case, the names under which its answers are stored.
        attacked: name of the model that the draw is aimed at; "" where it is noise.
        failure: why the case could not be perturbed; "" if it could.
    """

    clean: Case
    case: Case
    truths: Sequence[Truth]
    shared: Row
    names: Names
    attacked: str = ""
    failure: str = ""

    @property
    def is_clean(self) -> bool:
        """Whether this is the unperturbed case."""
        return self.shared.perturbation == CLEAN


@dataclass(frozen=True)
class DrawMaker:
    """Makes the draws of a stress run.

    A draw of a perturbation is made once for all models, a draw of an attack once for each attacked model.

    Attributes:
        subjects: models and cases.
        perturber: makes the draws that all models are shown.
        attacker: makes the draws that are aimed at one model.
        without_labels: whether answers are compared with the clean ones, so that cases need no mask.
    """

    subjects: Subjects
    perturber: Perturber
    attacker: Attacker
    without_labels: bool = False
    _truths: dict[str, Sequence[Truth]] = field(default_factory=dict, repr=False)  # of one unperturbed case

    def __call__(self, batch: Sequence[Piece]) -> Iterator[Draw]:
        """The draws of a batch, in the order of pieces, numbers and attacked models."""
        for piece in batch:
            for number in range(piece.first, piece.first + piece.draws):
                for perturber, names in self._views(piece.perturbation):
                    with self.subjects.cases.stopwatch.stage("perturb"):
                        draw = self._draw(piece, number, perturber, names)
                    yield draw

    def passes(self, piece: Piece) -> Passes:
        """The passes that a piece takes."""
        plain, with_gradient = 0, 0
        for perturber, names in self._views(piece.perturbation):
            # A run without labels makes the clean answer a second time, as what all answers are compared with.
            plain += len(names) * (2 if self.without_labels and piece.perturbation == CLEAN else 1)
            shown = perturber.perturbations.get(piece.perturbation)
            if isinstance(shown, Aimed):
                plain += shown.attack.queries
                with_gradient += shown.attack.passes
        return Passes(piece.draws * plain, piece.draws * with_gradient)

    def first(self, model: str, clean: Case, perturbation: str, level: float) -> Case:
        """Draw 0 of a case as a model was shown it.

        Args:
            model: name of the model.
            clean: the unperturbed case.
            perturbation: name of a perturbation, or of an attack that was made for the model.
            level: percent.
        """
        perturber = next(
            perturber for perturber, names in self._views(perturbation) if perturbation in names.get(model, ())
        )
        return perturber(clean, perturbation, level, 0)

    def _views(self, perturbation: str) -> Sequence[tuple[Perturber, Names]]:
        """What makes the draws of a perturbation, and the names under which each model's answers are stored."""
        models = self.subjects.models
        if perturbation == CLEAN:
            names = {model: [*self.perturber.perturbations, *self.attacker.names(model)] for model in models}
            return [(self.perturber, names)]
        if perturbation in self.perturber.perturbations:
            return [(self.perturber, {model: [perturbation] for model in models})]
        return self.attacker.views(perturbation)

    def _draw(self, piece: Piece, number: int, perturber: Perturber, names: Names) -> Draw:
        """A draw of a piece."""
        name, level = piece.perturbation, piece.level
        entry = self.subjects.entries[piece.case]
        clean = self.subjects.cases(entry)
        shared = replace(blank_row(self.subjects.cases.dataset, entry), perturbation=name, level=level, draw=number)
        if name == CLEAN:
            return Draw(clean, clean, self._truths_of_clean(clean), shared, names)
        try:
            case, failure = perturber(clean, name, level, number), ""
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            case, failure = clean, TOO_LARGE
        moved = perturber.perturbations[name].moves_truth and not failure
        truths = self._truths_of(case) if moved else self._truths_of_clean(clean)
        parameters, seed = perturber.parameters(clean, name, level), perturber.seed_of(clean, name, number)
        attacked = next(iter(names)) if name in self.attacker.attacks else ""
        return Draw(clean, case, truths, replace(shared, parameters=parameters, seed=seed), names, attacked, failure)

    def _truths_of_clean(self, case: Case) -> Sequence[Truth]:
        """The truths of an unperturbed case. They are kept for one case, because pieces are ordered by case."""
        if case.entry.id not in self._truths:
            self._truths.clear()
            self._truths[case.entry.id] = self._truths_of(case)
        return self._truths[case.entry.id]

    def _truths_of(self, case: Case) -> Sequence[Truth]:
        """The true mask of each label; none in a run without labels where the case has no mask.

        Raises:
            CaseError: the case has no mask.
        """
        if self.without_labels and case.mask is None:
            return []
        return [Truth(mask.numpy(), case.spacing, case.unit) for mask in case.truth]
