"""Sums of nnU-Net's windows, which overflow in float16."""

import pytest
import torch

from networks import noise
from robustq.model.nnunet_windows import NnunetWindows


@pytest.mark.parametrize(("score", "answered"), [(6000.0, True), (7000.0, False), (-7000.0, False)])
def test_an_image_whose_sums_overflow_has_no_answer_and_the_others_keep_theirs(score: float, answered: bool) -> None:
    """Each label has one score everywhere; the second image has the score that may overflow."""
    images = noise(2, 1, 20, 20)

    def answer(windows: torch.Tensor) -> torch.Tensor:
        second = torch.isin(windows.flatten(1)[:, 0], images[1]).view(-1, 1, 1, 1)
        return torch.where(second, score, 1.0).expand(-1, 2, 8, 8)

    scores = NnunetWindows((8, 8)).blend(answer, images, batch_size=3, device=torch.device("cpu"))
    assert scores[0].allclose(torch.ones(()), atol=1e-2)
    assert bool(scores[1].isfinite().all()) == answered
    assert answered or scores[1].isnan().all()
