"""Bundles that a command line names, and the user's own file that some of them need."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from robustq.errors import RequestError
from robustq_cli import console

if TYPE_CHECKING:
    from robustq.model.segmenter import Segmenter


def named(words: Sequence[Path] | None, options: Sequence[Path] | None) -> list[Path] | None:
    """The models that a command line names by words and by `--model`, in this order; None if it names none.

    Raises:
        RequestError: one of them does not exist.
    """
    paths = [*(words or ()), *(options or ())]
    check_files(paths)
    return paths or None


def one(words: Sequence[Path] | None, options: Sequence[Path] | None) -> Path:
    """The model of a command that takes one.

    Raises:
        RequestError: none or several are named, or it does not exist.
    """
    paths = named(words, options) or []
    if len(paths) != 1:
        given = " and ".join(map(str, paths)) or "none"
        raise RequestError(f"one model can be trained at a time, and {given} was named: name one, --model FILE")
    return paths[0]


def check_files(paths: Sequence[Path] | None) -> None:
    """Refuse a bundle that does not exist, before torch is imported.

    Raises:
        RequestError: there is no such file.
    """
    for path in paths or ():
        if not path.is_file():
            raise RequestError(f"no model file {path}: make one with robustq wrap, or mend the path")


def open_bundles(paths: Sequence[Path] | None, model_file: str | None) -> "dict[str, Segmenter | Path] | None":
    """The models by file name. Those that were wrapped from the user's own network are opened with it.

    Args:
        paths: of bundles; None for the bundled demonstration pair.
        model_file: as in `--model-file`; the file is executed if it is given.

    Raises:
        RequestError: two bundles have one name, none needs the file, or one needs it and cannot be rebuilt.
    """
    from robustq.model.bundle_file import read_spec
    from robustq.model.load import load
    from robustq.network.own_file import network_from_file
    from robustq.run.open_models import by_file_name

    if model_file is None:
        return None if paths is None else dict(by_file_name(paths))
    named = by_file_name(paths or ())
    own = [name for name, path in named.items() if read_spec(path).architecture is None]
    if not own:
        raise RequestError(
            f"no bundle here needs --model-file {model_file}: each of them names its architecture, so leave it out"
        )
    console.say(f"executing {model_file}")
    network = network_from_file(model_file)
    return {name: load(path, module=network) if name in own else path for name, path in named.items()}


def open_bundle(path: Path, model_file: str | None) -> "Segmenter":
    """One model, as `open_bundles` opens several.

    Raises:
        RequestError: as there.
    """
    from robustq.model.load import load

    opened = open_bundles([path], model_file) or {}
    (model,) = opened.values()
    return load(model) if isinstance(model, Path) else model
