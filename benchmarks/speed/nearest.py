"""How long does the search for the nearest code take, compared with three other ways?

10 240 tokens of 256 channels and 1024 vectors, fp32: `torch.cdist` and argmin; the authors' formula (|e|² + |l|² -
2 e·l and argmin); the search of vector-quantize-pytorch. Codes are compared with a search in float64 first. All take
turns on one thread. Beside the times stands the memory that our search takes beside its arguments and its result.

    .venv/bin/python benchmarks/speed/nearest.py [--quick]
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"

import resource
import subprocess
import sys

import torch
from timing import exact, in_turn, ratio, tell
from torch import Tensor
from vector_quantize_pytorch import VectorQuantize

from robustq.latent.nearest import nearest

TOKENS, SIZE, CHANNELS = 10_240, 1024, 256
LIMIT = "The matrix product in fp32 takes most of the time, and all ways have it; that of this search is {:.2f} of it."


def authors_formula(tokens: Tensor, vectors: Tensor) -> Tensor:
    """Codes by the formula in the authors' quantiser."""
    distances = tokens.square().sum(1, keepdim=True) + vectors.square().sum(1) - 2 * tokens @ vectors.T
    return distances.argmin(1)


def peak() -> float:
    """The largest memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def tell_memory() -> None:
    """Print how much the peak of a fresh process grows by one search after a small one."""
    tokens, vectors = torch.randn(TOKENS, CHANNELS), torch.randn(SIZE, CHANNELS)
    nearest(tokens[:64], vectors)
    before = peak()
    nearest(tokens, vectors)
    print(peak() - before)


@torch.no_grad()
def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    if "--memory" in sys.argv:
        tell_memory()
        return
    number = TOKENS // 10 if "--quick" in sys.argv else TOKENS
    tokens, vectors = torch.randn(number, CHANNELS), torch.randn(SIZE, CHANNELS)
    peer = VectorQuantize(dim=CHANNELS, codebook_size=SIZE).eval()
    peer.codebook = vectors
    wide = torch.cdist(tokens.double(), vectors.double(), compute_mode="donot_use_mm_for_euclid_dist").argmin(1)
    assert nearest(tokens, vectors).equal(wide), "the codes are not those of a search in float64"
    assert peer(tokens[None])[1][0].eq(wide).double().mean() > 0.999, "the peer has another codebook"
    works = {
        "ours": lambda: nearest(tokens, vectors),
        "cdist + argmin": lambda: torch.cdist(tokens, vectors).argmin(1),
        "the authors' formula": lambda: authors_formula(tokens, vectors),
        "vector-quantize-pytorch": lambda: peer(tokens[None])[1],
        "product": lambda: tokens @ vectors.T,
    }
    seconds = in_turn(works, rounds=9)
    question = f"nearest code, {number} × {SIZE} × {CHANNELS} (times faster)"
    limit = LIMIT.format(ratio(seconds["ours"], seconds["product"]).wall)
    for name, least in (("cdist + argmin", 1.5), ("the authors' formula", 2.5), ("vector-quantize-pytorch", 4)):
        note = "" if name != "vector-quantize-pytorch" else "Its whole pass in evaluation mode."
        tell(question, name, ratio(seconds[name], seconds["ours"]), least=least, note=note, limit=limit)
    memory = subprocess.run([sys.executable, __file__, "--memory"], check=True, capture_output=True, text=True)
    tell("nearest code: extra memory in MB", "its arguments", exact(float(memory.stdout)), most=64)


if __name__ == "__main__":
    main()
