"""A stranger's items come through the same door as ours."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from robustq import registry
from robustq.errors import RequestError
from robustq.requirements import pip_line, requirements

PLUGIN = """
from robustq_noise.gaussian import GaussianNoise

class Hiss(GaussianNoise):
    "A stranger's noise."
"""


@pytest.fixture
def strangers(tmp_path: Path) -> dict[str, str]:
    """An environment in which a stranger's distribution is installed."""
    (tmp_path / "strange.py").write_text(PLUGIN)
    (tmp_path / "needy.py").write_text("import monai_of_the_future\n")
    metadata = tmp_path / "strange-1.2.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: strange\nVersion: 1.2\n")
    (metadata / "entry_points.txt").write_text("[robustq.perturbations]\nhiss = strange:Hiss\nneedy = needy:Needy\n")
    return os.environ | {"PYTHONPATH": str(tmp_path)}


def run(code: str, environment: dict[str, str]) -> str:
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_strangers_item_is_listed_without_being_imported(strangers: dict[str, str]) -> None:
    code = "import sys, json; from robustq import registry; item = next(i for i in registry.items('perturbations')"
    code += " if i.name == 'hiss'); print(json.dumps([item.distribution, item.version, 'strange' in sys.modules]))"
    assert json.loads(run(code, strangers)) == ["strange", "1.2", False]


def test_a_strangers_item_is_used_by_its_name(strangers: dict[str, str]) -> None:
    code = "import robustq, torch; x = torch.ones(1, 1, 4, 4); "
    code += "print(robustq.perturb(x, 'hiss', level=5, seed=0, intensity_range=(0, 1)).shape)"
    assert run(code, strangers) == "torch.Size([1, 1, 4, 4])"


def test_an_item_whose_library_is_missing_answers_with_the_pip_line(strangers: dict[str, str]) -> None:
    code = "from robustq import registry\ntry: registry.load('perturbations', 'needy')\nexcept Exception as e: print(e)"
    assert run(code, strangers) == (
        "perturbation 'needy' needs the library monai_of_the_future: pip install monai_of_the_future"
    )


def test_a_library_of_an_extra_is_brought_by_the_extra() -> None:
    assert pip_line("monai") == "pip install 'robustq[monai]'"


def test_the_core_requirements_are_met_and_name_their_bounds() -> None:
    core = {need.name: need for need in requirements() if need.extra is None}
    assert {"torch", "timm", "segmentation-models-pytorch", "torchio", "typer", "rich", "numpy"} <= set(core)
    assert all(need.met for need in core.values())
    assert core["torch"].bounds == ">=2.6"


def test_an_unknown_name_or_kind_answers_with_the_nearest() -> None:
    with pytest.raises(RequestError, match="unknown perturbation 'gausian': did you mean gaussian"):
        registry.load("perturbations", "gausian")
    with pytest.raises(RequestError, match="unknown kind 'quantizers': did you mean quantisers"):
        registry.names("quantizers")


def test_an_alias_answers_for_its_item_but_is_not_listed() -> None:
    assert registry.canonical("perturbations", "s&p") == "salt-and-pepper"
    assert "s&p" not in registry.names("perturbations")
    assert registry.load("perturbations", "s&p") is registry.load("perturbations", "salt-and-pepper")


def test_contracts_answer_for_names_that_earlier_versions_had_there() -> None:
    import robustq.attack
    import robustq.dataset
    from robustq.data.open_dataset import open_dataset
    from robustq.draws.by_name import load_attacks

    assert robustq.dataset.open_dataset is open_dataset
    assert robustq.attack.load_attacks is load_attacks
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = robustq.dataset.nothing
