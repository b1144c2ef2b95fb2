from dataclasses import replace

import pytest
import torch

from robustq.data.mask_values import (
    boolean_masks,
    is_mask_value_text,
    labels_text,
    mask_value_text,
    parse_mask_value,
    union,
)
from robustq.dataset import Case, Entry

MASK = torch.tensor([[0, 1, 2], [3, 9, 9]])
CASE = Case(torch.rand(1, 2, 3), MASK, torch.tensor([[0.0, 1.0]]), (1.0, 1.0), "px", Entry("a", "a"))


@pytest.mark.parametrize(("text", "value", "values"), [("3", 3, (3,)), ("1+2+3", (1, 2, 3), (1, 2, 3))])
def test_a_mask_value_is_text_and_back(text: str, value: int | tuple[int, ...], values: tuple[int, ...]) -> None:
    assert parse_mask_value(text) == value
    assert mask_value_text(value) == text
    assert union(value) == values
    assert is_mask_value_text(text)


@pytest.mark.parametrize("text", ["", "a", "1+", "1.5", " 1"])
def test_other_text_is_no_mask_value(text: str) -> None:
    assert not is_mask_value_text(text)


def test_unions_become_one_mask_each_and_the_ignored_value_none() -> None:
    masks, ignored = boolean_masks(CASE, (((1, 2), "whole"), (2, "core"), (3, "rib")), 9)
    assert masks.int().tolist() == [[[0, 1, 1], [0, 0, 0]], [[0, 0, 1], [0, 0, 0]], [[0, 0, 0], [1, 0, 0]]]
    assert ignored.int().tolist() == [[0, 0, 0], [0, 1, 1]]
    assert labels_text((((1, 2), "whole"), (3, "rib"))) == "1+2=whole, 3=rib"


def test_a_case_without_a_mask_has_no_boolean_masks() -> None:
    assert boolean_masks(replace(CASE, mask=None), ((1, "whole"),), 9) == (None, None)
