"""Weights of a network that was trained without robustq."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from robustq.errors import RequestError
from robustq.model.bundle_file import read_spec
from robustq.model.spec import Spec
from robustq.network.checkpoint import _prefixes, _read, _unnest


@dataclass(frozen=True)
class Loaded:
    """Which weights came from where.

    Attributes:
        file: the checkpoint.
        under: the entries it was nested under, outermost first, and the prefix its names had.
        loaded: tensors of the network that were found.
        missing: tensors of the network that were not, which keep their fresh values.
        unused: tensors of the file that the network does not have.
        source: spec of the bundle, if the file is one.
    """

    file: str
    under: tuple[str, ...]
    loaded: tuple[str, ...]
    missing: tuple[str, ...]
    unused: tuple[str, ...]
    source: Spec | None = None

    @property
    def provenance(self) -> dict[str, Any]:
        """The entries of a spec that tell where weights came from and what they have seen, as far as that is known."""
        source = self.source
        known = source is not None and (source.training is not None or source.weights_cases is not None)
        return {
            "weights": self.text,
            "weights_cases": tuple(sorted(source.seen)) if source is not None and known else None,
            "weights_validation": tuple(sorted(source.chose)) if source is not None else (),
        }

    @property
    def text(self) -> str:
        """A line for a reader."""
        where = f" (under {' / '.join(self.under)})" if self.under else ""
        told = f"{len(self.loaded)} of {len(self.loaded) + len(self.missing)} tensors from {self.file}{where}"
        for what, names in (("fresh", self.missing), ("unused", self.unused)):
            if names:
                more = f" and {len(names) - 3} more" if len(names) > 3 else ""
                told += f"; {what}: {', '.join(names[:3])}{more}"
        if self.source is not None and self.source.weights:
            told += f"; before that, {self.source.weights}"
            told += ", on which cases is not known" if self.source.weights_cases is None else ""
        return told


def load_weights(network: nn.Module, path: str | os.PathLike[str]) -> Loaded:
    """Fill a network from a plain checkpoint of it: `.safetensors`, or what `torch.save` wrote, of which no code runs.

    Raises:
        RequestError: the file is missing, holds anything but tensors, fits no tensor of the network, or one of another
            shape.
    """
    file = Path(path)
    state, under = _unnest(_read(file))
    own = network.state_dict()
    source = _source(file)
    # Of a quantised bundle not all names begin so: its bottlenecks stand beside the network.
    prefix = (
        "network."
        if source is not None
        else max(_prefixes(state), key=lambda text: sum(name.removeprefix(text) in own for name in state))
    )
    if prefix:
        state = {name.removeprefix(prefix): tensor for name, tensor in state.items()}
        under = (*under, f"prefix {prefix}")
    common = [name for name in own if name in state]
    if not common:
        raise RequestError(
            f"{file} holds no weight of this network: its names begin {', '.join(list(state)[:3])}, the network's "
            f"{', '.join(list(own)[:3])}; wrap the architecture that the file was trained with"
        )
    for name in common:
        if state[name].shape != own[name].shape:
            raise RequestError(
                f"{file} has {name} of shape {tuple(state[name].shape)} where this network has "
                f"{tuple(own[name].shape)}: wrap with the settings (classes, channels, width) it was trained with"
            )
        if not state[name].isfinite().all():
            raise RequestError(
                f"{file} holds weights that are no numbers ({name}): its training diverged, train it anew"
            )
    network.load_state_dict({**own, **{name: state[name] for name in common}})
    missing = tuple(name for name in own if name not in state)
    unused = tuple(name for name in state if name not in own)
    return Loaded(file.name, under, tuple(common), missing, unused, source)


def _source(file: Path) -> Spec | None:
    """The spec of a bundle; None of other checkpoints."""
    try:
        return read_spec(file)
    except RequestError:
        return None  # a bundle of another version is a checkpoint like others
