"""Opens the bundles that a command names, with the user's own network file where a bundle needs it."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from robustq.errors import RequestError
from robustq_cli import console

if TYPE_CHECKING:
    from robustq.model.segmenter import Segmenter

CHECKPOINTS = (".pt", ".pth", ".ckpt", ".bin")
"""Endings of the files in which other programs keep weights."""


def named(words: Sequence[Path] | None, options: Sequence[Path] | None) -> list[Path] | None:
    """The model files given as plain words, then those given by `--model`; None if none is given.

    Raises:
        RequestError: a file does not exist.
    """
    paths = [*(words or ()), *(options or ())]
    check_files(paths)
    return paths or None


def one(words: Sequence[Path] | None, options: Sequence[Path] | None) -> Path:
    """The model file of a command that takes exactly one.

    Raises:
        RequestError: no file or several files are given, or the file does not exist.
    """
    paths = named(words, options) or []
    if len(paths) != 1:
        given = " and ".join(map(str, paths)) or "none"
        raise RequestError(f"one model can be trained at a time, but the command names {given}: give one --model FILE")
    return paths[0]


def check_files(paths: Sequence[Path] | None) -> None:
    """Refuse a bundle that does not exist, or a file of another program, before torch is imported.

    Raises:
        RequestError: the file does not exist, or is a checkpoint or a folder of another program.
    """
    for path in paths or ():
        if path.suffix in CHECKPOINTS and path.is_file():
            raise RequestError(
                f"{path} is a checkpoint and no model file of robustq: make one with robustq wrap --weights "
                f"{shlex.quote(str(path))} --quantise none, and --arch NAME or --model-file FILE.py:FUNCTION for its "
                "network"
            )
        if path.is_dir():
            raise RequestError(
                f"{path} is a folder and no model file of robustq: make one with robustq wrap --quantise none and "
                f"--arch smp:{path}, monai:{path}, hf:{path} or nnunet:{path}, whichever wrote the folder"
            )
        if not path.is_file():
            raise RequestError(f"there is no model file {path}: make one with robustq wrap, or correct the path")


def open_bundles(paths: Sequence[Path] | None, model_file: str | None) -> "dict[str, Segmenter | Path] | None":
    """The models by file name: the path of a bundle, or an opened segmenter if it needs the user's own network.

    Args:
        paths: paths of bundles; None for the demonstration pair.
        model_file: text of `--model-file`, or None; the file is executed.

    Raises:
        RequestError: two bundles have the same name, no bundle needs the file, or a bundle cannot be rebuilt with it.
    """
    from robustq.model.bundle_file import read_spec
    from robustq.model.load import load
    from robustq.network.own_file import file_and_function, network_from_file
    from robustq.run.open_models import by_file_name

    if model_file is None:
        return None if paths is None else dict(by_file_name(paths))
    paths_by_name = by_file_name(paths or ())
    own_names = [name for name, path in paths_by_name.items() if read_spec(path).architecture is None]
    if not own_names:
        raise RequestError(
            f"no bundle here needs --model-file {model_file}, since each one names its architecture: leave it out"
        )
    file_and_function(model_file)
    console.say(f"executing {model_file}")
    network = network_from_file(model_file)
    return {name: load(path, module=network) if name in own_names else path for name, path in paths_by_name.items()}


def open_bundle(path: Path, model_file: str | None) -> "Segmenter":
    """Open one model, as `open_bundles` opens several.

    Raises:
        RequestError: as in `open_bundles`.
    """
    from robustq.model.load import load

    models = open_bundles([path], model_file) or {}
    (model,) = models.values()
    return load(model) if isinstance(model, Path) else model
