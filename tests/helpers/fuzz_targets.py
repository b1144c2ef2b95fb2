"""What strangers write, as bytes of any content: options, tables and files. Only our own two errors may come out."""

import json
import shutil
import struct
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

import robustq
import rows
from networks import small
from robustq.data.open_dataset import open_dataset
from robustq.errors import CaseError, RequestError
from robustq.metric import parse_metrics
from robustq.model.bundle_file import read_spec
from robustq.model.spec import HEADER
from robustq.request.checks import parse_checks
from robustq.request.levels import parse_levels
from robustq.request.names import asked_perturbations, canonical_attack
from robustq.request.quantise import Quantise
from robustq.request.values import head, labels, mean_std, numbers, setting, window
from robustq.results.directory import RunDirectory
from stored_runs import stored_run

OPTIONS: dict[str, Callable[[str], object]] = {
    "quantise": Quantise.parse,
    "levels": parse_levels,
    "checks": parse_checks,
    "metrics": parse_metrics,
    "noise": lambda text: asked_perturbations([text]),
    "attack": canonical_attack,
    "size": lambda text: numbers("--size", text, int),
    "spacing": lambda text: numbers("--spacing", text, float),
    "window": window,
    "mean-std": mean_std,
    "labels": labels,
    "head": head,
    "set": setting,
    "data": open_dataset,
}
"""Readers of the text of an option."""

_RIGHT: dict[str, Sequence[str]] = {
    "quantise": (
        "1024x256",
        "ema:64x16,decay=0.9",
        "fsq:8,5,5",
        "residual:4x16x8",
        "none",
        "identity:8",
        "vqp:simvq:8x4",
    ),
    "levels": ("0,1,10,20,30", "1e-3"),
    "checks": ("taylor@90,liveness", "all"),
    "metrics": ("dice,hd95@90,nsd@2mm",),
    "noise": ("gaussian+blur,torchio:RandomGhosting",),
    "attack": ("pgd@l2-40",),
    "size": ("64x64",),
    "window": ("-160,240",),
    "labels": ("1=left lung,2=heart",),
    "set": ("width=8",),
}
"""Texts that the readers accept, from which others are made."""


_ROWS = [rows.row(level=level, case=case, group=case) for level in (0.0, 10.0) for case in "12"]


@dataclass(frozen=True)
class Target:
    """A reader of what a stranger wrote.

    Attributes:
        read: reads bytes of any content.
        seeds: contents that are right, from which others are made.
    """

    read: Callable[[bytes], object]
    seeds: Sequence[bytes]

    def __call__(self, content: bytes) -> None:
        """Read the content, or refuse it with an error of ours; any other error comes out."""
        with suppress(RequestError, CaseError):
            self.read(content)


def _options(*names: str) -> Callable[[Path], Target]:
    def read(content: bytes) -> None:
        # As Python reads the words of a command.
        text = content.decode("utf-8", "surrogateescape")
        for name in names:
            with suppress(RequestError):
                OPTIONS[name](text)

    seeds = [text.encode() for name in names for text in _RIGHT.get(name, ())]
    return lambda folder: Target(read, seeds)


def _read_first_case(description: str) -> None:
    dataset = open_dataset(description)
    dataset.read(dataset.entries[0])


def _table(folder: Path) -> Target:
    Image.fromarray(np.eye(8, dtype=np.uint8)).save(folder / "a.png")

    def read(content: bytes) -> None:
        (folder / "table.csv").write_bytes(content)
        _read_first_case(f"csv:{folder / 'table.csv'}")

    return Target(read, [b"image,label\na.png,a.png\n", b"image,label,domain,split,group\na.png,a.png,A,test,g\n"])


def _dataset_json(folder: Path) -> Target:
    for subfolder, name in (("imagesTr", "a_0000.png"), ("labelsTr", "a.png")):
        (folder / subfolder).mkdir()
        Image.fromarray(np.eye(8, dtype=np.uint8)).save(folder / subfolder / name)

    def read(content: bytes) -> None:
        (folder / "dataset.json").write_bytes(content)
        _read_first_case(str(folder))

    names = {"channel_names": {"0": "CT"}, "labels": {"background": 0, "lung": 1}, "file_ending": ".png"}
    decathlon = {"modality": {"0": "CT"}, "labels": {"0": "background", "1": "lung"}, "training": []}
    return Target(read, [json.dumps(document).encode() for document in (names, decathlon)])


def _bundle_header(folder: Path) -> Target:
    """Any beginning of a bundle: the length of its header, the names and places of its tensors, and the spec."""
    whole = _small_bundle(folder).read_bytes()
    (length,) = struct.unpack_from("<Q", whole)

    def read(content: bytes) -> None:
        (folder / "any.safetensors").write_bytes(content + whole[8 + length :])
        robustq.load(folder / "any.safetensors")

    return Target(read, [whole[: 8 + length]])


def _bundle_spec(folder: Path) -> Target:
    """Any spec in a file whose header is right."""
    spec = json.dumps(read_spec(_small_bundle(folder)).to_dict())

    def read(content: bytes) -> None:
        header = json.dumps({"__metadata__": {HEADER: content.decode("utf-8", "replace")}}).encode()
        (folder / "any.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
        robustq.load(folder / "any.safetensors")

    return Target(read, [spec.encode()])


def _small_bundle(folder: Path) -> Path:
    small("4x2").save(folder / "m.safetensors")
    return folder / "m.safetensors"


def _run_json(folder: Path) -> Target:
    stored_run(folder, _ROWS)

    def read(content: bytes) -> None:
        (folder / "run.json").write_bytes(content)
        robustq.Run(folder).to_frame()

    return Target(read, [(folder / "run.json").read_bytes()])


def _results(folder: Path) -> Target:
    """Any rows: as the gathered file, and as the file of a batch."""
    whole = (stored_run(folder, _ROWS) / "results.parquet").read_bytes()
    batch = folder / "rows" / "000000.parquet"

    def read(content: bytes) -> None:
        (folder / "results.parquet").write_bytes(content)
        with suppress(RequestError):
            RunDirectory(folder).missing([0])
            robustq.Run(folder).to_frame()
        (folder / "results.parquet").unlink()
        batch.parent.mkdir()
        batch.write_bytes(content)
        try:
            robustq.Run(folder).to_frame()
        finally:
            shutil.rmtree(batch.parent)

    return Target(read, [whole])


TARGETS: dict[str, Callable[[Path], Target]] = {
    "quantise": _options("quantise"),
    "levels": _options("levels"),
    # Without "data": a path such as / is a request to look through a whole disk.
    "values": _options(*sorted(OPTIONS.keys() - {"quantise", "levels", "data"})),
    "table": _table,
    "dataset-json": _dataset_json,
    "bundle-header": _bundle_header,
    "bundle-spec": _bundle_spec,
    "run-json": _run_json,
    "results-parquet": _results,
}
"""Every target by its name, made with an empty folder for the files that it reads."""
