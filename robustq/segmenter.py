"""A segmentation network cut at its bottleneck: encoder, quantiser, decoder."""

from dataclasses import dataclass
from os import PathLike
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from robustq.answer import full_resolution, masks
from robustq.bottleneck import Bottleneck, as_features, find_site
from robustq.errors import RequestError
from robustq.quantise import Quantise
from robustq.quantiser import AbstractQuantiser, Quantised
from robustq.shapes import BatchMasks, Codes, Embedding, Images
from robustq.spec import Spec


@dataclass(frozen=True)
class Parts:
    """Everything of one forward pass.

    Attributes:
        output: what the wrapped network returns, structure unchanged.
        logits: its class scores at full resolution (B, classes, *S).
        embedding: e, after the input projection (B, D, *T); without projections the feature map itself.
        quantised: z_q, before the output projection; the embedding itself where nothing is quantised.
        codes: (B, Q, *T), or None without a codebook.
        quantiser_loss: float32 scalar with its graph, the skips' share included.
    """

    output: Any
    logits: Float[Tensor, "b classes *s"]
    embedding: Embedding
    quantised: Embedding
    codes: Codes | None
    quantiser_loss: Float[Tensor, ""]


class _BottleneckReachedError(Exception):
    """Ends a forward pass that is wanted up to the bottleneck only."""


class Segmenter(nn.Module):
    """A drop-in for the network it wraps: same signature, same output structure.

    The network's own code runs unchanged; a hook on the site's output replaces the bottleneck (and, if so specified,
    the skips) by its quantised form. Build one with `robustq.wrap` or `robustq.load`.

    Args:
        network: the wrapped network, an attribute of the same name.
        bottlenecks: none, one for the bottleneck, or one for every feature map of the site, the bottleneck last.
        spec: what goes into the bundle besides the weights.
    """

    def __init__(self, network: nn.Module, bottlenecks: nn.ModuleList, spec: Spec) -> None:
        super().__init__()
        self.network = network
        self.bottlenecks = bottlenecks
        self.spec = spec
        self._stop = False
        self._embedding: Tensor | None = None
        self._quantised: Quantised | None = None
        self._loss: Tensor | None = None
        find_site(network, spec.site).register_forward_hook(self._cut)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the wrapped network returns, from a quantised bottleneck."""
        return self.network(*args, **kwargs)

    def run(self, images: Images) -> Parts:
        """All parts of one forward pass."""
        output = self(images)
        assert self._embedding is not None, "the hook has run"
        assert self._quantised is not None, "it ran to the end"
        return Parts(
            output=output,
            logits=full_resolution(output, images.shape[2:]),
            embedding=self._embedding,
            quantised=self._quantised.quantised,
            codes=self._quantised.codes,
            quantiser_loss=self.quantiser_loss,
        )

    def encode(self, images: Images) -> Embedding:
        """The embedding e (B, D, *T). Stops at the bottleneck: the decoder is not run."""
        self._stop = True
        try:
            self.network(images)
        except _BottleneckReachedError:
            pass
        finally:
            self._stop = False
        assert self._embedding is not None, "the hook has run"
        return self._embedding

    def masks(self, logits: Float[Tensor, "b classes *s"]) -> BatchMasks:
        """Boolean masks (B, L, *S), one a label of the spec."""
        return masks(logits, self.spec.answer, len(self.spec.labels))

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
            keep_weights: keep this model's weights instead of drawing fresh ones. The result carries the remark that
                it was not trained this way, for a comparison with it would flatter the codebook.

        Raises:
            RequestError: nothing is quantised here, or the network was given by hand and has parameters that do not
                know how to start afresh.
        """
        from robustq.wrap import matched_baseline

        if self.quantiser is None:
            raise RequestError("this model has no quantiser to take out: its quantise is none")
        return matched_baseline(self, keep_weights=keep_weights)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the bundle, one `.safetensors` file; see `robustq.bundle.save`."""
        from robustq.bundle import save

        save(self, path)

    def _cut(self, module: nn.Module, inputs: Any, output: Any) -> Any:
        """The forward hook: what the site gave goes in, what the rest of the network sees comes out."""
        *skips, bottleneck = as_features(output, self.spec.site)
        inserted = self._inserted()[-1] if self.bottlenecks else None
        self._loss = None
        self._embedding = bottleneck if inserted is None else inserted.project_in(bottleneck)
        if self._stop:
            raise _BottleneckReachedError
        if inserted is None:
            self._quantised = Quantised(self._embedding, None, torch.zeros(()))
        else:
            quantised: Quantised = inserted.quantiser(self._embedding)
            self._quantised, self._loss = quantised, quantised.loss
            bottleneck = inserted.project_out(quantised.quantised)
        features = [*self._treat(skips), bottleneck]
        if isinstance(output, Tensor):
            return bottleneck
        return features if isinstance(output, list) else tuple(features)

    def _treat(self, skips: list[Tensor]) -> list[Tensor]:
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
        # What the last pass left behind holds a graph: it is neither copied nor pickled.
        return {**self.__dict__, "_embedding": None, "_quantised": None, "_loss": None}

    def extra_repr(self) -> str:
        """The spec in a line."""
        return f"quantise={Quantise.parse(self.spec.quantise)}, site={self.spec.site!r}, skips={self.spec.skips}"
