"""Shows quantisers the whole batch where several processes share it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from robustq.model.bottleneck import Bottleneck
from robustq.model.segmenter import Segmenter
from robustq.network.global_generators import GeneratorStream
from robustq.quantiser import AbstractQuantiser, Quantised
from robustq.shapes import Embedding
from robustq.training.processes import Processes


@contextmanager
def whole_batch(model: Segmenter, processes: Processes, length: int, draws: GeneratorStream) -> Iterator[None]:
    """Within this context, each quantiser of a model gets the embeddings of the whole batch, in every process.

    So what a quantiser learns or counts from a batch (moving averages, k-means centres, restarts, an entropy over
    tokens) is what one process would learn from it, and is equal in all processes. The network after the quantiser gets
    the share of its own process.

    Args:
        model: the model, in training mode.
        processes: the processes that share the batch.
        length: number of items in the whole batch.
        draws: the random numbers of the quantisers, the same in all processes.
    """
    inserted = [bottleneck for bottleneck in model.bottlenecks if isinstance(bottleneck, Bottleneck)]
    quantisers = [bottleneck.quantiser for bottleneck in inserted if processes.count > 1]
    for quantiser in quantisers:
        quantiser.forward = _on_whole_batch(quantiser, processes, length, draws)  # type: ignore[assignment, method-assign]
    try:
        yield
    finally:
        for quantiser in quantisers:
            del quantiser.forward


def _on_whole_batch(
    quantiser: AbstractQuantiser, processes: Processes, length: int, draws: GeneratorStream
) -> Callable[[Embedding], Quantised]:
    """The forward pass of a quantiser on the embeddings of all processes; it gives the share of this one."""
    quantise, share = quantiser.forward, processes.share(length)

    def forward(embedding: Embedding) -> Quantised:
        with draws.taken():
            whole = quantise(processes.gathered(embedding, length))
        codes = None if whole.codes is None else whole.codes[share]
        return Quantised(whole.quantised[share], codes, whole.loss)

    return forward
