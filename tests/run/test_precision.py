"""Which precision a run computes in."""

import pytest
import torch

from robustq.errors import RequestError
from robustq.model.device import choose_precision


def test_auto_is_fp32_on_a_processor_even_if_it_computes_in_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: True)
    assert choose_precision("auto", torch.device("cpu")) == "fp32"


@pytest.mark.parametrize(("has_bf16", "expected"), [(True, "bf16"), (False, "fp32")])
def test_auto_is_bf16_on_a_gpu_that_has_it(has_bf16: bool, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: has_bf16)
    assert choose_precision("auto", torch.device("cuda")) == expected


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(RequestError, match="choose from auto, bf16, fp16, fp32"):
        choose_precision("fp8", torch.device("cpu"))
