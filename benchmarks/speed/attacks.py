"""How long does our PGD take, compared with that of torchattacks (Kim, 2020), and how far does each raise the loss?

Both attack the bundled UNet and VQ-UNet on one case of the phantom: L-inf, radius 1 % of the range, 20 steps of a
quarter of the radius, from a random start. They run in turn, several times, on one thread. The medians and their ratio
are printed, with the cross-entropy of the clean image and of the images after each attack.

    .venv/bin/pip install --no-deps torchattacks tqdm requests
    .venv/bin/python benchmarks/speed/attacks.py
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"

import statistics
import time
from dataclasses import replace

import torch
import torchattacks
from torch.nn import functional as F

import robustq
from robustq.draws.by_name import load_attacks
from robustq.model.spec import adopt_labels
from robustq.network.output_masks import class_map
from robustq.run.demonstration import demonstration_pair

REPETITIONS = 7
LEVEL = 1.0


def main() -> None:
    torch.set_num_threads(1)
    data = robustq.open_dataset("phantom:cases=1")
    for name, path in demonstration_pair().items():
        model = robustq.load(path)
        case = adopt_labels(model.spec, data).preparation(data.read(data.entries[0]))
        low, high = case.intensity_range[0].tolist()
        # torchattacks takes only images between 0 and 1, and clips its result to this range.
        case = replace(
            case, image=(case.image - low) / (high - low), intensity_range=torch.tensor([[0.0, 1.0]]).double()
        )
        target = class_map(case.mask[None])
        (ours,) = load_attacks(["pgd"]).values()
        theirs = torchattacks.PGD(model, eps=LEVEL / 100, alpha=LEVEL / 400, steps=20, random_start=True)
        times: dict[str, list[float]] = {"ours": [], "torchattacks": []}
        losses: dict[str, list[float]] = {"ours": [], "torchattacks": []}

        def entropy(image: torch.Tensor, model: robustq.Segmenter = model, target: torch.Tensor = target) -> float:
            with torch.no_grad():
                return F.cross_entropy(model(image), target).item()

        for repetition in range(REPETITIONS):
            start = time.perf_counter()
            our_image = ours(case, LEVEL, torch.Generator().manual_seed(repetition), model).image[None]
            times["ours"].append(time.perf_counter() - start)
            start = time.perf_counter()
            their_image = theirs(case.image[None], target)
            times["torchattacks"].append(time.perf_counter() - start)
            losses["ours"].append(entropy(our_image))
            losses["torchattacks"].append(entropy(their_image))
        our_time, their_time = (statistics.median(values) for values in times.values())
        our_loss, their_loss = (statistics.median(values) for values in losses.values())
        print(
            f"{name}: ours {our_time:.2f} s, torchattacks {their_time:.2f} s, ratio {our_time / their_time:.2f}; "
            f"cross-entropy clean {entropy(case.image[None]):.4f}, ours {our_loss:.4f}, torchattacks {their_loss:.4f}"
        )


if __name__ == "__main__":
    main()
