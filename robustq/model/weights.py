"""Load the weights of a network that was trained without robustq."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from robustq.errors import RequestError
from robustq.model.bundle_file import read_spec
from robustq.model.spec import Spec
from robustq.network.checkpoint import prefixes, read_checkpoint, same_names_beside, unnest
from robustq.network.state import first_not_finite


@dataclass(frozen=True)
class Loaded:
    """Which weights were loaded, and from where.

    Attributes:
        file: name of the checkpoint.
        under: the entries in which the state dict was nested, outermost first, and the prefix of its names.
        loaded: names of the network's tensors that the file has.
        missing: names of the network's tensors that the file lacks; they keep their fresh values.
        unused: names of the file's tensors that the network lacks.
        source: spec of the bundle, if the file is one.
        beside: entries of the file with tensors of the same names, such as averaged weights, which were not loaded.
    """

    file: str
    under: tuple[str, ...]
    loaded: tuple[str, ...]
    missing: tuple[str, ...]
    unused: tuple[str, ...]
    source: Spec | None = None
    beside: tuple[str, ...] = ()

    @property
    def provenance(self) -> dict[str, Any]:
        """The entries of a spec that say where the weights came from, and which cases they have seen if known."""
        source = self.source
        cases_known = source is not None and (source.training is not None or source.weights_cases is not None)
        return {
            "weights": self.text,
            "weights_cases": tuple(sorted(source.seen)) if source is not None and cases_known else None,
            "weights_validation": tuple(sorted(source.chose)) if source is not None else (),
        }

    @property
    def text(self) -> str:
        """What was loaded, in one line."""
        nesting = f" (under {' / '.join(self.under)})" if self.under else ""
        line = f"{len(self.loaded)} of {len(self.loaded) + len(self.missing)} tensors from {self.file}{nesting}"
        for kind, names in (("fresh", self.missing), ("unused", self.unused)):
            if names:
                line += f"; {kind}: {_first(names)}"
        if self.beside:
            line += f"; not taken: other weights of the same names under {', '.join(self.beside)}"
        if self.source is not None and self.source.weights:
            line += f"; before that, {self.source.weights}"
            line += ", on which cases is not known" if self.source.weights_cases is None else ""
        return line


def load_weights(
    network: nn.Module,
    path: str | os.PathLike[str],
    *,
    allow_missing: bool = False,
    translate: Callable[[dict[str, Tensor]], dict[str, Tensor]] | None = None,
) -> Loaded:
    """Fill a network from a plain checkpoint: `.safetensors`, or a file of `torch.save`; no code from it is run.

    Args:
        network: the network to fill.
        path: path of the checkpoint.
        allow_missing: accept a checkpoint that lacks tensors of the network; they keep their fresh values. Counts of
            batches, which some versions of PyTorch do not store, may always be missing.
        translate: gives the file's tensors the names that they have in the network.

    Raises:
        RequestError: the file is missing, holds anything but tensors, has no tensor of the network, or has one in
            another shape.
    """
    file = Path(path)
    document = read_checkpoint(file)
    state, under = unnest(document)
    beside = same_names_beside(document, state, under)
    if translate is not None:
        state = translate(state)
    tensors = network.state_dict()
    source = _source(file)
    # In a quantised bundle not all names have this prefix, because its bottlenecks stand beside the network.
    prefix = "network." if source is not None else _best_prefix(state, tensors)
    if prefix:
        state = {name.removeprefix(prefix): tensor for name, tensor in state.items()}
        under = (*under, f"prefix {prefix}")
    common = {name: state[name] for name, entry in tensors.items() if name in state and isinstance(entry, Tensor)}
    if not common:
        raise RequestError(
            f"{file} holds no weight of this network: the file's first names are {', '.join(list(state)[:3])}, the "
            f"network's {', '.join(list(tensors)[:3])}; wrap the architecture that the file was trained with"
        )
    _check_values(file, common, network)
    missing = tuple(name for name, entry in tensors.items() if name not in state and isinstance(entry, Tensor))
    unused = tuple(name for name in state if name not in tensors)
    needed = [name for name in missing if not name.endswith("num_batches_tracked")]
    if needed and not allow_missing:
        raise RequestError(_refusal(file, len(common), needed, unused))
    network.load_state_dict({**tensors, **common})
    return Loaded(file.name, under, tuple(common), missing, unused, source, beside)


def _best_prefix(state: Mapping[str, Tensor], tensors: Mapping[str, object]) -> str:
    """The prefix of the file's names without which most of them are names of the network; "" for none."""
    return max(prefixes(state), key=lambda beginning: sum(name.removeprefix(beginning) in tensors for name in state))


def _check_values(file: Path, weights: Mapping[str, Tensor], network: nn.Module) -> None:
    """Refuse weights of another shape than those of the network, and weights that are not finite."""
    tensors = network.state_dict()
    for name, weight in weights.items():
        if weight.shape != tensors[name].shape:
            raise RequestError(
                f"{file} has {name} of shape {tuple(weight.shape)} where this network has "
                f"{tuple(tensors[name].shape)}: wrap with the settings (classes, channels, width) of its training"
            )
        if tensors[name].is_floating_point() and not weight.is_floating_point():
            raise RequestError(
                f"{file} has {name} in {weight.dtype}, so its weights are quantised numbers without their scale: give "
                "the weights from before the quantisation"
            )
    not_finite = first_not_finite(network, weights)
    if not_finite is not None:
        raise RequestError(
            f"{file} holds weights that are NaN or infinite ({not_finite}): its training diverged, train it again"
        )


def _refusal(file: Path, loaded: int, missing: Sequence[str], unused: Sequence[str]) -> str:
    """The refusal of a checkpoint that lacks tensors of the network."""
    other = " or --encoder" if missing[0].startswith("encoder.") else ""
    parts = [
        f"{file} has {loaded} of the {loaded + len(missing)} tensors of this network",
        f"missing: {_first(missing)}",
    ]
    parts += [f"only in the file: {_first(unused)}"] if unused else []
    return (
        f"{'; '.join(parts)}. Wrap the architecture that the file was trained with (another --arch{other}, or another "
        "--set), or accept fresh random values for what is missing with --allow-missing"
    )


def _first(names: Sequence[str]) -> str:
    """The first three names, and how many more there are."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _source(file: Path) -> Spec | None:
    """The spec of a bundle; None for other checkpoints."""
    try:
        return read_spec(file)
    except RequestError:
        return None  # a bundle of another version is read as a plain checkpoint
