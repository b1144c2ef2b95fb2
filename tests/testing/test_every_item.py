from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from networks import settings
from raw_downloads import DOWNLOADS
from robustq import registry
from robustq.data.open_dataset import open_dataset
from robustq.errors import RequestError
from robustq.request.quantise import Quantise
from robustq.testing import check_analyser, check_attack, check_executor, check_perturbation
from robustq.testing.architecture import check_architecture
from robustq.testing.dataset import check_dataset
from robustq.testing.quantiser import check_quantiser


@pytest.mark.parametrize("name", registry.names("perturbations"))
def test_every_registered_perturbation_keeps_the_contract(name: str) -> None:
    check_perturbation(registry.load("perturbations", name)())


SHORT = {"apgd": "8", "square": "queries=12"}
"""Settings of attacks that take many passes by default."""


@pytest.mark.parametrize("name", registry.names("attacks"))
def test_every_registered_attack_keeps_the_contract(name: str) -> None:
    check_attack(registry.load("attacks", name).parse(SHORT.get(name, "")))


@pytest.mark.parametrize("name", registry.names("quantisers"))
def test_every_registered_quantiser_keeps_the_contract(name: str) -> None:
    numbers = "x".join("6" for _ in registry.load("quantisers", name).grammar.split("x"))
    check_quantiser(Quantise.parse(f"{name}:{numbers}").build())


@pytest.mark.parametrize("name", registry.names("architectures"))
def test_every_registered_architecture_keeps_the_contract(name: str) -> None:
    small = settings(name)
    check_architecture(partial(registry.load("architectures", name), **small))


@pytest.mark.parametrize("name", registry.names("analysers"))
def test_every_registered_analyser_keeps_the_contract(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # The whole attack of `certified` on each of the many models would take a minute.
    monkeypatch.setattr("robustq_guarantees.smoothed_attack.STEPS", 1)
    monkeypatch.setattr("robustq_guarantees.smoothed_attack.PASSES", 2)
    check_analyser(registry.load("analysers", name))


@pytest.mark.parametrize("name", registry.names("executors"))
def test_every_registered_executor_keeps_the_contract(name: str) -> None:
    try:
        executor = registry.load("executors", name).parse("")
    except RequestError as error:  # its library is large, so this environment does without
        pytest.skip(str(error))
    check_executor(executor)


def files(root: Path) -> dict[str, str]:
    """One small dataset of each registered kind, as `--data` names it."""
    pictures = {"a": 0, "b": 1}
    for folder in ("images", "masks", "imagesTr", "labelsTr"):
        (root / folder).mkdir()
        for name, seed in pictures.items():
            image = np.random.default_rng(seed).integers(0, 255, (6, 5), dtype=np.uint8)
            Image.fromarray(image // 128 if folder in ("masks", "labelsTr") else image).save(
                root / folder / f"{name}.png"
            )
    (root / "table.csv").write_text("image,label\nimages/a.png,masks/a.png\nimages/b.png,masks/b.png\n")
    (root / "dataset.json").write_text('{"labels": {"background": 0, "organ": 1}}')
    return {
        "folder": f"folder:{root}",
        "csv": f"csv:{root / 'table.csv'}",
        "nnunet": f"nnunet:{root}",
        "phantom": "phantom:cases=2",
    } | {name: f"{name}:{write(root / name)}" for name, write in DOWNLOADS.items()}


@pytest.mark.parametrize("name", registry.names("datasets"))
def test_every_registered_dataset_keeps_the_contract(name: str, tmp_path: Path) -> None:
    check_dataset(open_dataset(files(tmp_path)[name]))
