"""Plans a run: its pieces, their order and their batches."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from robustq.request.draws import FIRST
from robustq.request.names import CLEAN


class Piece(NamedTuple):
    """The unit of work: one case, one perturbation, one level, with all draws of a stage and all models.

    Attributes:
        case: case id.
        perturbation: canonical name, or `CLEAN` at level 0.
        level: percent.
        draws: number of draws, 1 at level 0.
        first: number of the first draw.
    """

    case: str
    perturbation: str
    level: float
    draws: int
    first: int = 0


def plan(
    cases: Sequence[str],
    draws: Mapping[str, int],
    levels: Sequence[float],
    *,
    batch_size: int,
    clean: bool = True,
) -> list[list[Piece]]:
    """Batches of pieces, ordered by case so that what depends on a case alone is computed once.

    A batch takes pieces up to `batch_size` perturbed images. No piece is split: a larger piece is a batch of its own.
    The plan is written to the run directory, so that a resumed run repeats the batches.

    Args:
        cases: ids of the cases.
        draws: for the name of each perturbation, its number of draws.
        levels: percent.
        batch_size: images in a batch.
        clean: whether level 0 is planned too.
    """
    above = [level for level in levels if level > 0]
    pieces = [
        piece
        for case in cases
        for piece in (
            *([Piece(case, CLEAN, 0.0, 1)] if clean else []),
            *(Piece(case, perturbation, level, number) for perturbation, number in draws.items() for level in above),
        )
    ]
    return _batches(pieces, batch_size)


def plan_found_levels(
    cases: Sequence[str], draws: Mapping[str, int], levels: Iterable[tuple[str, str, float]], *, batch_size: int
) -> list[list[Piece]]:
    """Batches of pieces whose levels differ from case to case; otherwise as `plan`.

    Args:
        cases: ids of the cases.
        draws: for the name of each perturbation, its number of draws.
        levels: case, perturbation and level of each piece above level 0.
        batch_size: images in a batch.
    """
    of_case: dict[str, list[Piece]] = {case: [Piece(case, CLEAN, 0.0, 1)] for case in cases}
    for case, perturbation, level in levels:
        of_case[case].append(Piece(case, perturbation, level, draws[perturbation]))
    return _batches([piece for pieces in of_case.values() for piece in pieces], batch_size)


def plan_second_stage(
    cases: Sequence[str], level_draws: Mapping[str, Mapping[float, int]], *, batch_size: int
) -> list[list[Piece]]:
    """Batches of the pieces that follow the first stage of `--draws auto`; otherwise as `plan`.

    Args:
        cases: ids of the cases.
        level_draws: for the name of each perturbation and each level, its number of draws, those of the first stage
            included.
        batch_size: images in a batch.
    """
    pieces = [
        Piece(case, perturbation, level, number - FIRST, FIRST)
        for case in cases
        for perturbation, numbers in level_draws.items()
        for level, number in numbers.items()
        if number > FIRST
    ]
    return _batches(pieces, batch_size)


def _batches(pieces: Sequence[Piece], batch_size: int) -> list[list[Piece]]:
    batches: list[list[Piece]] = [[]]
    for piece in pieces:
        if batches[-1] and sum(planned.draws for planned in batches[-1]) + piece.draws > batch_size:
            batches.append([])
        batches[-1].append(piece)
    return [batch for batch in batches if batch]
