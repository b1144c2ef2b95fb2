"""Rows are computed in the largest batches that fit in memory, and say so where these are smaller than asked."""

from dataclasses import replace

import pytest

from robustq.errors import CaseError
from robustq.results.rows import Row
from robustq.run.fitting_rows import FittingRows
from rows import row


def test_a_row_says_that_its_model_got_a_smaller_batch_and_the_next_rows_begin_with_that() -> None:
    tried: list[int] = []

    def compute(size: int) -> list[Row]:
        tried.append(size)
        if size > 4:
            raise MemoryError
        return [row(model="wide"), row(model="narrow"), replace(row(model="wide"), reason="no answer")]

    fitting = FittingRows()
    for _ in range(2):
        rows = fitting(compute, {"wide": 16, "narrow": 2})
        assert [each.reason for each in rows] == [
            "computed in batches of 4, because 16 did not fit in memory",
            "",
            "no answer",
        ]
    assert tried == [16, 8, 4, 4]


def test_what_does_not_fit_alone_is_refused() -> None:
    def compute(size: int) -> list[Row]:
        raise MemoryError

    with pytest.raises(CaseError, match="even with a batch of one"):
        FittingRows()(compute, {"m": 2})
