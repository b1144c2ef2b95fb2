"""Compares the pairs that a `dataset.json` lists with the files that were found by their names."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from robustq.errors import RequestError
from robustq_data.files import Files
from robustq_data.notes import Notes
from robustq_data.reading import without_suffix

NOT_LISTED = "cases that dataset.json does not list, which are used all the same"
NOT_THERE = "cases that dataset.json lists and whose files are not there"


def compare_with_listing(described: Mapping[str, Any], cases: Mapping[str, Files], notes: Notes) -> None:
    """Note where the listed cases are others than those found.

    Args:
        described: the content of `dataset.json`. The Decathlon lists its cases in `training` and MONAI in `validation`
            too; nnU-Net in `dataset`, if at all.
        cases: the files of each case of `imagesTr/`, by id.
        notes: gets what differs.

    Raises:
        RequestError: a case is listed with another mask than that of its name.
    """
    listed = dict(_listed(described))
    if not listed:
        return
    missing = {*listed}
    for identity, files in cases.items():
        names = [*map(_name, files.images), Path(identity).name]
        name = next((name for name in names if name in listed), None)
        if name is None:
            notes.add(NOT_LISTED, identity)
            continue
        missing -= {*names}
        if files.mask is not None and listed[name] != _name(files.mask):
            raise RequestError(
                f"dataset.json lists the image {name} with the mask {listed[name]}, and robustq goes by names and "
                f"takes {_name(files.mask)}: give masks the names of their images, or list the files in a CSV"
            )
    for name in missing:
        notes.add(NOT_THERE, name)


def _listed(described: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The name of each listed image and that of its mask, without folder and suffix."""
    dataset = described.get("dataset")
    pairs = [*dataset.values()] if isinstance(dataset, Mapping) else []
    for entry in ("training", "validation"):
        pairs += described[entry] if isinstance(described.get(entry), list) else []
    for pair in pairs:
        if not isinstance(pair, Mapping) or not isinstance(pair.get("label"), str):
            continue
        images = pair.get("images", pair.get("image"))
        for image in images if isinstance(images, list) else [images]:
            if isinstance(image, str):
                yield _name(image), _name(pair["label"])


def _name(path: Path | str) -> str:
    return without_suffix(Path(Path(path).name))
