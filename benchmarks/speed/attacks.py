"""How long does our PGD take, compared with that of torchattacks (Kim, 2020), and how far does each raise the loss?

Both attack the bundled UNet and VQ-UNet on one case of the phantom: L-inf, radius 1 % of the range, 20 steps of a
quarter of the radius, from a random start. They run in turn, several times, on one thread. The ratio is printed, with
the cross-entropy of the clean image and of the images after each attack.

    .venv/bin/pip install --no-deps torchattacks tqdm requests
    .venv/bin/python benchmarks/speed/attacks.py [--quick]
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"

import statistics
import sys
from dataclasses import replace
from itertools import count

import torch
from timing import in_turn, ratio, tell
from torch.nn import functional as F

import robustq
from robustq.attack import AbstractAttack
from robustq.dataset import Case
from robustq.draws.by_name import load_attacks
from robustq.model.spec import adopt_labels
from robustq.network.output_masks import class_map
from robustq.run.demonstration import demonstration_pair

try:
    import torchattacks
except ModuleNotFoundError:
    sys.exit("torchattacks is not installed: pip install --no-deps torchattacks tqdm requests")

REPETITIONS = 7
LEVEL = 1.0
SEEDS = count()


def main() -> None:
    torch.set_num_threads(1)
    repetitions = 2 if "--quick" in sys.argv else REPETITIONS
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
        losses: dict[str, list[float]] = {"ours": [], "torchattacks": []}

        def entropy(image: torch.Tensor, model: robustq.Segmenter = model, target: torch.Tensor = target) -> float:
            with torch.no_grad():
                return F.cross_entropy(model(image), target).item()

        def our_image(ours: AbstractAttack = ours, case: Case = case, model: robustq.Segmenter = model) -> torch.Tensor:
            return ours(case, LEVEL, torch.Generator().manual_seed(next(SEEDS)), model).image[None]

        def their_image(
            theirs: torchattacks.PGD = theirs, case: Case = case, target: torch.Tensor = target
        ) -> torch.Tensor:
            image: torch.Tensor = theirs(case.image[None], target)
            return image

        for _ in range(2):
            losses["ours"].append(entropy(our_image()))
            losses["torchattacks"].append(entropy(their_image()))
        seconds = in_turn({"ours": our_image, "torchattacks": their_image}, rounds=repetitions)
        our_loss, their_loss = (statistics.median(values) for values in losses.values())
        tell(
            f"pgd, {name} of the demonstration",
            "torchattacks",
            ratio(seconds["ours"], seconds["torchattacks"]),
            most=1.05,
            note=f"Cross-entropy clean {entropy(case.image[None]):.4f}, ours {our_loss:.4f}, torchattacks "
            f"{their_loss:.4f}.",
            limit="Profiled: the passes of the network, forward and backward, take 0.95 of ours; the loss in float64 "
            "and its gradient, without which a sure network has none, 0.03.",
        )


if __name__ == "__main__":
    main()
