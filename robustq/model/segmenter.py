"""A segmentation network cut at its bottleneck: encoder, quantiser, decoder."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from robustq.data.network_input import network_input
from robustq.errors import RequestError
from robustq.model.baseline import matched_baseline
from robustq.model.bottleneck import Bottleneck
from robustq.model.bundle_file import save
from robustq.model.in_notebook import in_notebook
from robustq.model.prior import CodePrior
from robustq.model.spec import NO_SITE, Spec
from robustq.model.weights_digest import as_known, weights_digest
from robustq.network.feature_maps import require_features
from robustq.network.memory import is_out_of_memory
from robustq.network.named_site import find_site
from robustq.network.output_masks import full_resolution, masks, probabilities
from robustq.network.run_network import does_not_run, own_copy
from robustq.network.site_search import Site
from robustq.network.state import first_not_finite, main_dtype
from robustq.quantiser import AbstractQuantiser, Quantised
from robustq.shapes import BatchMasks, Codes, Embedding, Images

MemoryFormat = Literal["contiguous", "channels_last"]
"""How the weights of a model are stored: with the channels as the outer axis of each weight, or as the inner one."""

_FORMATS = {2: torch.channels_last, 3: torch.channels_last_3d}


@dataclass(frozen=True)
class Parts:
    """Everything that one forward pass gives.

    Attributes:
        output: what the wrapped network returns, structure unchanged.
        logits: the network's class scores at full resolution (B, classes, *S).
        embedding: e, after the input projection (B, D, *T); without projections the feature map itself.
        quantised: z_q, before the output projection; the embedding itself where nothing is quantised.
        codes: (B, Q, *T), or None without a codebook.
        quantiser_loss: float32 scalar with its graph; it includes the loss of quantised skips.
    """

    output: Any
    logits: Float[Tensor, "b classes *s"]
    embedding: Embedding
    quantised: Embedding
    codes: Codes | None
    quantiser_loss: Float[Tensor, ""]


class _BottleneckReachedError(Exception):
    """Ends a forward pass at the bottleneck when the decoder is not needed."""


@contextmanager
def _refusal_in_words(images: Tensor) -> Iterator[None]:
    """Refuse images on which the network raises one of the errors by which libraries refuse a size."""
    try:
        yield
    except RequestError:
        raise
    except (RuntimeError, ValueError, IndexError, AssertionError) as error:
        if is_out_of_memory(error):
            raise
        raise does_not_run(images.shape, error) from error


class Segmenter(nn.Module):
    """Can be used in place of the network it wraps: same signature, same output structure.

    The network's own code runs unchanged; a hook on the site's output replaces the bottleneck by its quantised form,
    and also the skips if the spec says so. Build one with `robustq.wrap` or `robustq.load`.

    Args:
        network: the wrapped network, kept as an attribute of the same name.
        bottlenecks: none, one for the bottleneck, or one for each feature map of the site with the bottleneck last.
        spec: what goes into the bundle besides the weights.
    """

    def __init__(self, network: nn.Module, bottlenecks: nn.ModuleList, spec: Spec) -> None:
        super().__init__()
        self.network = network
        self.bottlenecks = bottlenecks
        self.spec = spec
        self.prior: CodePrior | None = None
        """The prior over the codes at the bottleneck, where the model has one. A pass does not use it."""
        self._stop = False
        self._bypassed = False
        self._exchange: Callable[[Sequence[Tensor]], Sequence[Tensor]] | None = None
        self._contiguous: set[bool] = set()
        """In training mode (True) or evaluation mode (False), the decoder takes only a contiguous bottleneck."""
        self.image_size: tuple[int, ...] = ()
        """Spatial size of the images of the last pass, padding included."""
        self._embedding: Tensor | None = None
        self._quantised: Quantised | None = None
        self._loss: Tensor | None = None
        self.sites: tuple[Site, ...] = ()
        """The sites that probing found, beginning with the one that is cut; empty where the site was named."""
        network.register_forward_pre_hook(self._look, with_kwargs=True)
        if spec.site != NO_SITE:
            # Before the network's own hooks, because they may keep the site's output for the decoder.
            find_site(network, spec.site).register_forward_hook(self._cut, prepend=True)

    def _repr_html_(self) -> str:
        return in_notebook(self.spec, sum(parameter.numel() for parameter in self.parameters()))

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the wrapped network returns when its bottleneck is quantised.

        The network gets its own copy of every tensor, so that it cannot change those of the caller. Nothing is done to
        the tensors: prepared images are given to `run` or `encode`.
        """
        try:
            return self._pass(args, kwargs)
        except RuntimeError as error:
            # What a quantiser gives is not contiguous, and a `view` of it fails. Copies in another layout would be
            # rounded otherwise, so they are made only for networks that need them.
            if self.training in self._contiguous or "view size is not compatible" not in str(error):
                raise
        self._contiguous.add(self.training)
        return self._pass(args, kwargs)

    def _pass(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return self.network(*map(own_copy, args), **{name: own_copy(value) for name, value in kwargs.items()})

    def run(self, images: Images) -> Parts:
        """All parts of one forward pass.

        Images are prepared images. The network gets what `network_input` makes of them, in the network's dtype. Images
        of a size that the network does not accept are padded at their far ends by repeating their border, up to the
        next size that it accepts. The logits are cropped to the size of the images.

        Raises:
            RequestError: the network does not run on images of this size, for example because they are too small.
        """
        padded = self.accepted(images)
        try:
            with _refusal_in_words(padded):
                output = self(padded)
        except RequestError as error:
            if len(padded) > 1 and self._runs_on(padded[:1]):
                raise RequestError(f"{error}. It runs on one image at a time: give batch size 1") from error
            raise
        logits = full_resolution(output, padded.shape[2:], self.spec.head)
        for axis, extent in enumerate(images.shape[2:], start=2):
            logits = logits.narrow(axis, 0, extent)
        if self.spec.site == NO_SITE:
            self._embedding, self._quantised = logits, Quantised(logits, None, torch.zeros(()))
        assert self._embedding is not None, "the hook has run"
        assert self._quantised is not None, "the pass has run to the end"
        return Parts(
            output=output,
            logits=logits,
            embedding=self._embedding,
            quantised=self._quantised.quantised,
            codes=self._quantised.codes,
            quantiser_loss=self.quantiser_loss,
        )

    @torch.no_grad()
    def _runs_on(self, images: Tensor) -> bool:
        try:
            self(images)
        except Exception:  # what it raised before has been told
            return False
        return True

    def encode(self, images: Images) -> Embedding:
        """The embedding e (B, D, *T). Stops at the bottleneck: the decoder is not run. Pads as `run` does."""
        if self.spec.site == NO_SITE:
            return self.run(images).embedding
        last_pass, self._stop = (self._embedding, self._loss), True
        try:
            padded = self.accepted(images)
            with _refusal_in_words(padded):
                self(padded)
        except _BottleneckReachedError:
            pass
        finally:
            self._stop = False
        embedding = self._embedding
        assert embedding is not None, "the hook has run"
        # Loss and codes stay those of the last whole pass: `encode` may be called between it and its backward pass.
        self._embedding, self._loss = last_pass
        return embedding

    @contextmanager
    def bypassed(self) -> Iterator[None]:
        """Within this context the network runs as it did before it was wrapped."""
        self._bypassed = True
        try:
            yield
        finally:
            self._bypassed = False

    @contextmanager
    def exchanging(self, exchange: Callable[[Sequence[Tensor]], Sequence[Tensor]]) -> Iterator[None]:
        """Within this context the decoder gets other feature maps than the site's output holds.

        Args:
            exchange: called once in each pass, with the site's feature maps as the decoder would get them: the skips,
                then the bottleneck after the output projection, each (B, C, *T). It returns as many maps of the same
                shapes, which the decoder gets. `encode` does not call it.
        """
        self._exchange = exchange
        try:
            yield
        finally:
            self._exchange = None

    def pad(self, images: Tensor) -> Tensor:
        """Images (B, C, *S), padded at the far ends by repeating their border, to extents that the network accepts."""
        # F.pad takes one (before, after) pair per axis, from the last axis to the first.
        margins = [margin for extent in reversed(images.shape[2:]) for margin in (0, -extent % self.spec.multiple)]
        return F.pad(images, margins, mode="replicate") if any(margins) else images

    def accepted(self, images: Images) -> Tensor:
        """What the network gets for prepared images: `network_input`, in the network's dtype, padded."""
        images = network_input(images, self.spec.preparation)
        dtype = main_dtype(self.network)
        return self.pad(images if dtype is None else images.to(dtype))

    def lay_out(self, memory_format: MemoryFormat) -> None:
        """Store the weights of convolutions in a memory format, which the feature maps follow; no value changes."""
        stored = _FORMATS[self.spec.dims] if memory_format == "channels_last" else torch.contiguous_format
        for parameter in self.parameters():
            if parameter.ndim == self.spec.dims + 2:
                # `contiguous` returns the weights of one channel as they are, and what follows would go back and forth.
                parameter.data = parameter.data.clone(memory_format=stored)
        self._contiguous = set()

    @contextmanager
    def laid_out(self, memory_format: MemoryFormat) -> Iterator[None]:
        """As `lay_out`, within this context."""
        earlier, contiguous = [(parameter, parameter.data) for parameter in self.parameters()], self._contiguous
        try:
            self.lay_out(memory_format)
            yield
        finally:
            for parameter, values in earlier:
                parameter.data = values
            self._contiguous = contiguous

    @property
    def device(self) -> torch.device:
        """The device of the model's tensors; the CPU for a model without any."""
        tensor = next(itertools.chain(self.parameters(), self.buffers()), None)
        return torch.device("cpu") if tensor is None else tensor.device

    def masks(self, logits: Float[Tensor, "b classes *s"]) -> BatchMasks:
        """Boolean masks (B, L, *S), one per label of the spec."""
        return masks(logits, self.spec.answer, len(self.spec.labels))

    def probabilities(self, logits: Float[Tensor, "b classes *s"]) -> Float[Tensor, "b l *s"]:
        """The probability of each label of the spec at each voxel, (B, L, *S)."""
        return probabilities(logits, self.spec.answer, len(self.spec.labels))

    @property
    def quantiser_loss(self) -> Tensor:
        """The quantiser's loss of the last forward pass, with its graph; 0 where nothing is quantised."""
        return torch.zeros(()) if self._loss is None else self._loss

    @property
    def codes(self) -> Codes | None:
        """The codes of the last forward pass (B, Q, *T), or None without a codebook."""
        return None if self._quantised is None else self._quantised.codes

    @property
    def quantiser(self) -> AbstractQuantiser | None:
        """The quantiser at the bottleneck, or None where nothing was inserted."""
        if not self.bottlenecks:
            return None
        return self._inserted()[-1].quantiser

    def _inserted(self) -> list[Bottleneck]:
        return [bottleneck for bottleneck in self.bottlenecks if isinstance(bottleneck, Bottleneck)]

    def without_quantiser(self, *, keep_weights: bool = False) -> "Segmenter":
        """The matched baseline: the same architecture and projections with no codebook between them.

        Args:
            keep_weights: keep this model's weights instead of drawing fresh ones. The result carries a remark that it
                was not trained this way, because a comparison with it makes the codebook look too good.

        Raises:
            RequestError: nothing is quantised here, or the network was given by hand and has parameters that
                cannot be drawn again.
        """
        if self.quantiser is None:
            raise RequestError(
                "this model has no quantiser to take out, since its quantise is none: use the model as it is"
            )
        baseline = Segmenter(
            *matched_baseline(
                self.network,
                self._inserted(),
                self.spec,
                keep_weights=keep_weights,
                owner=Segmenter,
            )
        )
        if not keep_weights:
            baseline.spec = baseline.spec.but(fresh=weights_digest(baseline.state_dict()))
        return baseline

    def save(self, path: str | PathLike[str]) -> None:
        """Write the bundle, one `.safetensors` file with the spec in its header.

        Raises:
            RequestError: the name does not end in .safetensors, the folder cannot be written, or weights are NaN or
                infinite.
        """
        state = self.state_dict()
        not_finite = first_not_finite(self, state)
        if not_finite is not None:
            raise RequestError(
                f"the model holds weights that are NaN or infinite ({not_finite}), and no bundle with such weights is "
                "written: train the network again"
            )
        save(state, as_known(self.spec, state), path)

    def _look(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """The forward pre-hook: records the size of the images, from which the grid of tokens follows."""
        images = next(value for value in (*args, *kwargs.values()) if isinstance(value, Tensor))
        self.image_size = tuple(images.shape[2:])

    def _cut(self, module: nn.Module, inputs: Any, output: Any) -> Any:
        """The forward hook: gets the site's output, and returns what the rest of the network gets in its place."""
        features = require_features(output, self.image_size, self.spec.site)
        *skips, bottleneck = features.maps
        inserted = self._inserted()[-1] if self.bottlenecks and not self._bypassed else None
        self._loss = None
        # A copy, because the network's next layer may change the map in place.
        self._embedding = bottleneck.clone() if inserted is None else inserted.project_in(bottleneck)
        if self._stop:
            raise _BottleneckReachedError
        if inserted is None:
            self._quantised = Quantised(self._embedding, None, torch.zeros(()))
        else:
            quantised: Quantised = inserted.quantiser(self._embedding)
            self._quantised, self._loss = quantised, quantised.loss
            bottleneck = inserted.project_out(quantised.quantised)
            bottleneck = bottleneck.contiguous() if self.training in self._contiguous else bottleneck
        maps = [*self._treat(skips), bottleneck]
        return features.put(maps if self._exchange is None else self._exchange(maps))

    def _treat(self, skips: list[Tensor]) -> list[Tensor]:
        if self._bypassed:
            return skips
        if self.spec.skips == "drop":
            return [torch.zeros_like(skip) for skip in skips]
        if self.spec.skips == "quantise":
            treated = []
            for skip, inserted in zip(skips, self._inserted()[:-1], strict=True):
                quantised: Quantised = inserted.quantiser(inserted.project_in(skip))
                self._loss = self.quantiser_loss + quantised.loss
                treated.append(inserted.project_out(quantised.quantised))
            return treated
        return skips

    def __getstate__(self) -> dict[str, Any]:
        # The results of the last pass hold a graph, so they are neither copied nor pickled.
        return {**self.__dict__, "_embedding": None, "_quantised": None, "_loss": None}

    def extra_repr(self) -> str:
        """The spec in one line."""
        return f"quantise={self.spec.quantise}, site={self.spec.site!r}, skips={self.spec.skips}"
