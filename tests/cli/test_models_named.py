"""Models are named the same way in every command: `--model A` and plain `A`."""

from pathlib import Path
from typing import Any, NoReturn

import pytest
from typer.testing import CliRunner

from robustq.errors import RequestError
from robustq_cli import bundles
from robustq_cli.main import app


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Three model files that nobody opens."""
    paths = [tmp_path / f"{name}.safetensors" for name in "abc"]
    for path in paths:
        path.touch()
    return paths


def opened(monkeypatch: pytest.MonkeyPatch, *words: object) -> Any:
    """What the command would open."""
    asked: list[Any] = []

    def refuse(paths: Any, model_file: str | None) -> NoReturn:
        asked.append(paths)
        raise RequestError("enough")

    monkeypatch.setattr(bundles, "open_bundles", refuse)
    monkeypatch.setattr(bundles, "open_bundle", refuse)
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert isinstance(result.exception, RequestError), result.output
    return asked[0] if asked else str(result.exception)


@pytest.mark.parametrize("command", [("stress",), ("analyse",), ("minimal", "--noise", "gaussian")])
def test_words_and_options_name_models_in_this_order(
    command: tuple[str, ...], files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b, c = files
    assert opened(monkeypatch, *command, a, b, c) == files
    assert opened(monkeypatch, *command, "--model", a, "--model", b, "--model", c) == files
    assert opened(monkeypatch, *command, "--model", b, a, "--model", c) == files
    assert opened(monkeypatch, *command, a, "--draws", 2, b, c) == files


@pytest.mark.parametrize("command", [("stress",), ("analyse",), ("minimal", "--noise", "gaussian")])
def test_without_models_the_demonstration_is_meant(command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    assert opened(monkeypatch, *command) is None


def test_train_takes_one_model_either_way(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    a, b, _ = files
    assert opened(monkeypatch, "train", a, "--data", "phantom") == a
    assert opened(monkeypatch, "train", "--model", a, "--data", "phantom") == a
    assert "one model can be trained at a time" in opened(monkeypatch, "train", a, "--model", b, "--data", "phantom")
    assert "the command names none" in opened(monkeypatch, "train", "--data", "phantom")


def test_what_another_program_wrote_is_told_apart_from_a_model_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("my net.pt").touch()
    Path("my-smp").mkdir()
    assert "robustq wrap --weights 'my net.pt' --quantise none" in opened(monkeypatch, "stress", "my net.pt")
    assert "--arch smp:my-smp" in opened(monkeypatch, "stress", "--model", "my-smp")


@pytest.mark.parametrize("command", ["stress", "analyse", "train", "minimal"])
def test_a_model_that_does_not_exist_is_named(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for words in (("--model", "nowhere.safetensors"), ("nowhere.safetensors",)):
        more = {"train": ("--data", "phantom"), "minimal": ("--noise", "gaussian")}.get(command, ())
        assert "no model file nowhere.safetensors" in opened(monkeypatch, command, *words, *more)
