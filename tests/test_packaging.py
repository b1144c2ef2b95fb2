"""What is shipped: the wheel, its entry points, and the names that it exports."""

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import robustq
from robustq import registry

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def packages_on_disk() -> set[str]:
    return {
        path.parent.relative_to(ROOT).as_posix()
        for pattern in ("robustq", "cli/*", "plugins/*")
        for path in ROOT.glob(f"{pattern}/__init__.py")
    }


def test_the_wheel_holds_our_packages_at_its_top_level_and_nothing_else(tmp_path: Path) -> None:
    built = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(built, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    top = {name.split("/")[0] for name in names}
    assert {name for name in top if not name.endswith(".dist-info")} == {Path(name).name for name in packages_on_disk()}
    assert "robustq/run/demo/unet.safetensors" in names
    assert "robustq_cli/templates/plugin/quantisers/item.py.txt" in names
    assert {"robustq/report/page/templates/page.html", "robustq/report/page/templates/page.js"} <= set(names)
    assert "robustq/report/card.schema.json" in names
    assert not [name for name in names if name.endswith((".pt", ".csv"))]


def test_every_package_folder_is_listed() -> None:
    assert set(PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]) == packages_on_disk()
    assert set(PROJECT["tool"]["mypy"]["packages"]) == {Path(name).name for name in packages_on_disk()}


def test_the_folders_cli_and_plugins_are_no_packages() -> None:
    assert not list(ROOT.glob("cli/__init__.py")) + list(ROOT.glob("plugins/__init__.py"))


@pytest.mark.parametrize("kind", registry.KINDS)
def test_what_is_installed_is_what_pyproject_says(kind: str) -> None:
    declared = PROJECT["project"]["entry-points"][f"robustq.{kind}"]
    ours = {item.name: item.value for item in registry.items(kind) if item.distribution == "robustq"}
    assert ours == declared, "pyproject.toml has changed since the installation: pip install -e ."


def test_every_kind_with_entry_points_is_a_kind() -> None:
    groups = {group.split(".")[1] for group in PROJECT["project"]["entry-points"]}
    assert groups <= set(registry.KINDS)


@pytest.mark.parametrize("line", ["import plugins.robustq_vq", "from cli.robustq_cli import main"])
def test_the_second_spelling_of_our_packages_is_banned(line: str) -> None:
    command = [sys.executable, "-m", "ruff", "check", "--select", "TID251", "--stdin-filename", "robustq/x.py", "-"]
    checked = subprocess.run(command, input=line + "\n", cwd=ROOT, capture_output=True, text=True)
    assert "TID251" in checked.stdout


def test_every_exported_name_is_there_and_no_other() -> None:
    assert sorted(robustq.__all__) == robustq.__all__
    for name in robustq.__all__:
        assert getattr(robustq, name) is not None
    assert set(dir(robustq)) == set(robustq.__all__) == set(robustq._HOMES)
    with pytest.raises(AttributeError, match="no attribute 'quantize'"):
        robustq.quantize  # noqa: B018


def test_importing_robustq_and_listing_imports_no_torch() -> None:
    code = "import sys, robustq; from robustq import registry; [registry.items(k) for k in registry.KINDS]; "
    code += "sys.exit('torch' in sys.modules or 'robustq_vq' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
