"""Computes the rows of a search of minimal levels from batches of pieces."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from robustq.dataset import Case
from robustq.errors import CaseError
from robustq.model.segmenter import Segmenter
from robustq.network.memory import TOO_LARGE, is_out_of_memory
from robustq.results.minimal_levels import METRIC, STEPS, MinimalLevel
from robustq.results.rows import NO_ANSWER, Row, blank_row, of_model
from robustq.run.minimal_level import NoAnswerError, minimal_level
from robustq.run.passes import Passes
from robustq.run.plan import Piece
from robustq.run.subjects import Subjects


@dataclass(frozen=True)
class Searcher:
    """Searches the minimal level of every model on a case and turns the results into rows.

    Attributes:
        subjects: models and cases.
        settings: further arguments of `minimal_level`.
        of_attack: passes that an attack takes for a draw; none without an attack.
    """

    subjects: Subjects
    settings: dict[str, Any]
    of_attack: Passes

    def most_passes(self, piece: Piece) -> Passes:
        """The passes that a piece takes if every step is tried; a search often ends before."""
        bisections = math.ceil(math.log2(max(1.0, STEPS[0] / self.settings["resolution"])))
        draws = len(self.subjects.models) * piece.draws * (len(STEPS) + bisections)
        queries, with_gradient = self.of_attack
        return Passes(len(self.subjects.models) + (1 + queries) * draws, with_gradient * draws)

    def __call__(self, batch: Sequence[Piece]) -> list[Row]:
        """The rows of a batch of pieces."""
        return [row for piece in batch for row in self._search(piece)]

    def _search(self, piece: Piece) -> list[Row]:
        entry = self.subjects.entries[piece.case]
        case: Case = self.subjects.cases(entry)
        shared = replace(
            blank_row(self.subjects.cases.dataset, entry), perturbation=piece.perturbation, draw=None, metric=METRIC
        )
        rows = [replace(shared, **of_model(name, model)) for name, model in self.subjects.models.items()]
        models = self.subjects.models
        try:
            return [self._searched(row, models[row.model], case, piece.perturbation) for row in rows]
        except CaseError as error:  # if one model has none, all fail: models are compared on the same cases
            return [replace(row, status="failed", reason=str(error)) for row in rows]
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            return [replace(row, status="failed", reason=TOO_LARGE) for row in rows]

    def _searched(self, row: Row, model: Segmenter, case: Case, perturbation: str) -> Row:
        try:
            return self._row(row, minimal_level(model, case, perturbation, **self.settings))
        except NoAnswerError as error:
            return replace(row, status=NO_ANSWER, reason=str(error))

    def _row(self, row: Row, result: MinimalLevel) -> Row:
        settings = {name: self.settings[name] for name in ("threshold", "resolution")}
        parameters = json.dumps({**asdict(result), **settings})
        return replace(row, level=result.level, value=result.level, unit="%", parameters=parameters)
