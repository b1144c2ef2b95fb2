"""Registers the modules of vector-quantize-pytorch as quantisers."""

from collections.abc import Callable
from math import prod
from typing import Any

from torch import Tensor, nn
from vector_quantize_pytorch import (
    FSP,
    FSQ,
    LFQ,
    GroupedResidualFSQ,
    GroupedResidualLFQ,
    GroupedResidualVQ,
    ResidualFSQ,
    ResidualLFQ,
    ResidualSimVQ,
    ResidualVQ,
    SimVQ,
    VectorQuantize,
)

from robustq.errors import RequestError
from robustq.quantiser import check_capacity
from robustq_vqp.adapter import LibraryQuantiser

Setting = int | float | str

_LAYOUT = {
    "dim", "heads", "num_codebooks", "keep_num_codebooks_dim", "channel_first", "is_channel_first", "channel_last",
    "accept_image_fmap", "accept_3d_fmap", "return_indices", "separate_codebook_per_head",
}  # fmt: skip
"""Settings that change the shape of a module's input or output."""

_HARMLESS = {
    "decay", "eps", "commitment_weight", "threshold_ema_dead_code", "rotation_trick", "straight_through",
    "input_to_quantize_commit_loss_weight", "freeze_codebook", "learnable_codebook", "ema_update",
}  # fmt: skip
"""Settings that do not change the search: the nearest vector to the embedding."""


class LibraryFamily:
    """One of the library's modules, built from the numbers and settings of `--quantise`.

    Args:
        name: name in the registry, without vqp:.
        grammar: grammar of the numbers, as in `AbstractQuantiser.grammar`.
        size: function from the numbers to (D, Q, K): channels, stages of all groups, codes of a stage.
        build: function from the numbers and settings to the module.
        codebook: function from the module to its vectors (Q, K, D); None if it has none in the embedding's space.
    """

    def __init__(
        self,
        name: str,
        grammar: str,
        size: Callable[..., tuple[int, int, int]],
        build: Callable[..., nn.Module],
        codebook: Callable[[Any], Tensor] | None = None,
    ) -> None:
        self.name, self.grammar, self.size, self.build, self.codebook = name, grammar, size, build, codebook
        self.__name__ = f"vqp:{name}"

    def __call__(self, *numbers: int, **settings: Setting) -> LibraryQuantiser:
        """A quantiser with fresh weights. Settings are those of the library's module; true and false are allowed.

        The quantiser has no `vectors` if a setting may change the search (another space, another order).

        Raises:
            RequestError: the module does not take these numbers or settings.
        """
        text = f"{self.__name__}:{'x'.join(map(str, numbers))}"
        given = {key: {"true": True, "false": False}.get(str(value).lower(), value) for key, value in settings.items()}
        for key in sorted(_LAYOUT & set(given)):
            raise RequestError(f"{text} does not take {key}: its shapes follow from the numbers, so leave it out")
        if given.get("kmeans_init"):
            raise RequestError(
                f"{text} does not take kmeans_init: in the library, an image in evaluation could set the codebook; "
                "use ema:KxD, which starts by k-means only in training"
            )
        dimension, stages, codes = self.size(*numbers)
        if self.codebook is None:
            check_capacity(text, codes)
        try:
            module = self.build(*numbers, **given)
        except (AssertionError, TypeError, ValueError, AttributeError, RuntimeError) as error:
            raise RequestError(f"{text} cannot be built: {error or 'the library refuses these numbers'}") from error
        return LibraryQuantiser(
            module,
            grammar=self.grammar,
            dimension=dimension,
            capacity=(stages, codes),
            codebook=self.codebook if set(given) <= _HARMLESS else None,
        )


def _one_codebook(module: Any) -> Tensor:
    return module.codebook[None]  # type: ignore[no-any-return]  # the library has no types


def _codebooks(module: Any) -> Tensor:
    return module.codebooks  # type: ignore[no-any-return]


vq = LibraryFamily(
    "vq",
    "KxD",
    lambda k, d: (d, 1, k),
    lambda k, d, **settings: VectorQuantize(dim=d, codebook_size=k, **settings),
    _one_codebook,
)
"""VectorQuantize of vector-quantize-pytorch: each token becomes its nearest code, trained by moving averages."""
residual_vq = LibraryFamily(
    "residual-vq",
    "QxKxD",
    lambda q, k, d: (d, q, k),
    lambda q, k, d, **settings: ResidualVQ(dim=d, num_quantizers=q, codebook_size=k, **settings),
    _codebooks,
)
"""ResidualVQ: several stages, each with a codebook for what the stages before have left over."""
grouped_residual_vq = LibraryFamily(
    "grouped-residual-vq",
    "GxQxKxD",
    lambda g, q, k, d: (d, g * q, k),
    lambda g, q, k, d, **settings: GroupedResidualVQ(dim=d, groups=g, num_quantizers=q, codebook_size=k, **settings),
)
"""GroupedResidualVQ: the channels are split into groups, and each has a ResidualVQ of its own."""
simvq = LibraryFamily(
    "simvq",
    "KxD",
    lambda k, d: (d, 1, k),
    lambda k, d, **settings: SimVQ(dim=d, codebook_size=k, **settings),
    _one_codebook,
)
"""SimVQ: the codes are a learned linear map of fixed random vectors, so that all of them stay in use."""
residual_simvq = LibraryFamily(
    "residual-simvq",
    "QxKxD",
    lambda q, k, d: (d, q, k),
    lambda q, k, d, **settings: ResidualSimVQ(dim=d, num_quantizers=q, codebook_size=k, **settings),
    _codebooks,
)
"""ResidualSimVQ: several stages of SimVQ, each for what the stages before have left over."""
fsq = LibraryFamily(
    "fsq",
    "Lx...",
    lambda *levels: (len(levels), 1, prod(levels)),
    lambda *levels, **settings: FSQ(levels=list(levels), **settings),
)
"""FSQ, finite scalar quantisation: every channel is rounded to one of a few fixed levels."""
fsp = LibraryFamily(
    "fsp",
    "Lx...",
    lambda *levels: (len(levels), 1, prod(levels)),
    lambda *levels, **settings: FSP(levels=list(levels), **settings),
)
"""FSP, a relative of FSQ: every channel is brought to one of a few fixed levels."""
residual_fsq = LibraryFamily(
    "residual-fsq",
    "QxLx...",
    lambda q, *levels: (len(levels), q, prod(levels)),
    lambda q, *levels, **settings: ResidualFSQ(levels=list(levels), num_quantizers=q, **settings),
)
"""ResidualFSQ: several stages of FSQ, each for what the stages before have left over."""
grouped_residual_fsq = LibraryFamily(
    "grouped-residual-fsq",
    "GxQxLx...",
    lambda g, q, *levels: (g * len(levels), g * q, prod(levels)),
    lambda g, q, *levels, **settings: GroupedResidualFSQ(
        dim=g * len(levels), groups=g, levels=list(levels), num_quantizers=q, **settings
    ),
)
"""GroupedResidualFSQ: the channels are split into groups, and each has a ResidualFSQ of its own."""
lfq = LibraryFamily(
    "lfq",
    "BITS",
    lambda bits: (bits, 1, 2**bits),
    lambda bits, **settings: LFQ(dim=bits, **settings),
)
"""LFQ, lookup-free quantisation: only the sign of every channel is kept."""
bsq = LibraryFamily(
    "bsq",
    "BITS",
    lambda bits: (bits, 1, 2**bits),
    lambda bits, **settings: LFQ(dim=bits, spherical=True, **settings),
)
"""LFQ on the unit sphere (binary spherical quantisation): only the sign of every channel is kept."""
residual_lfq = LibraryFamily(
    "residual-lfq",
    "QxBITS",
    lambda q, bits: (bits, q, 2**bits),
    lambda q, bits, **settings: ResidualLFQ(dim=bits, num_quantizers=q, codebook_size=2**bits, **settings),
)
"""ResidualLFQ: several stages of LFQ, each for what the stages before have left over."""
grouped_residual_lfq = LibraryFamily(
    "grouped-residual-lfq",
    "GxQxBITS",
    lambda g, q, bits: (g * bits, g * q, 2**bits),
    lambda g, q, bits, **settings: GroupedResidualLFQ(
        dim=g * bits, groups=g, num_quantizers=q, codebook_size=2**bits, **settings
    ),
)
"""GroupedResidualLFQ: the channels are split into groups, and each has a ResidualLFQ of its own."""
