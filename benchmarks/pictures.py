"""What does each perturbation look like? Draw one picture for each, with levels side by side, on a case of any dataset.

    python benchmarks/pictures.py DATA --out /tmp/pictures [--case ID] [--levels 0,10,30,60,100] [--noise all]

The gallery of the documentation is made by

    python benchmarks/pictures.py phantom:domain=A,cases=1 --out docs/images/perturbations --draws 1 --format webp

Grey covers the intensity range; values beyond it are red (above) or blue (below). The mask is outlined. For a volume,
the middle slice along the coarsest axis is drawn. Never add pictures of patients to the repository.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt

from robustq.data.open_dataset import open_dataset
from robustq.data.preparation import Preparation
from robustq.data.slices import slice_axis
from robustq.dataset import Case
from robustq.draws.by_name import load_perturbations
from robustq.draws.draw_settings import DrawSettings
from robustq.draws.perturbed import Perturber
from robustq.request.levels import parse_levels
from robustq.request.names import asked_perturbations


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--case")
    parser.add_argument("--levels", default="0,10,30,60,100")
    parser.add_argument("--noise", default="all")
    parser.add_argument("--normalise", default="min-max")
    parser.add_argument("--draws", type=int, default=2)
    parser.add_argument("--format", default="png", choices=("png", "webp"))
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    data = open_dataset(arguments.data)
    entry = next(entry for entry in data.entries if arguments.case in (None, entry.id))
    stored = data.read(entry)
    labels = tuple((value, str(value)) for value in stored.mask.unique().tolist() if value > 0)
    case = Preparation(dims=stored.dims, channels=len(stored.image), normalise=arguments.normalise, labels=labels)(
        stored
    )
    names = asked_perturbations(None, "all") if arguments.noise == "all" else asked_perturbations([arguments.noise])
    perturber = Perturber(load_perturbations(names), DrawSettings(seed=0))
    levels = parse_levels(arguments.levels)
    for name in names:
        figure, axes = plt.subplots(
            arguments.draws,
            len(levels),
            figsize=(3 * len(levels), 3.2 * arguments.draws),
            squeeze=False,
            layout="constrained",
        )
        for number, row in enumerate(axes):
            for level, cell in zip(levels, row, strict=True):
                show(cell, perturber(case, name, level, number))
                cell.set_title(f"{level:g} %" + (f", draw {number}" if arguments.draws > 1 else ""), fontsize=16)
        figure.suptitle(f"{name} on {entry.id}", fontsize=16)
        figure.savefig(arguments.out / f"{name.replace(':', '-')}.{arguments.format}", dpi=60)
        plt.close(figure)


def show(cell: plt.Axes, case: Case) -> None:
    image, masks = case.image[0], case.mask
    if case.dims == 3:
        axis = slice_axis(case.spacing)
        middle = image.shape[axis] // 2
        image, masks = image.select(axis, middle), masks.select(axis + 1, middle)
    low, high = case.intensity_range[0].tolist()
    colours = plt.get_cmap("gray").copy()
    colours.set_over("red")
    colours.set_under("blue")
    rounding = 1e-3 * (high - low)
    cell.imshow(image.numpy(), cmap=colours, vmin=low - rounding, vmax=high + rounding)
    for mask in masks:
        if mask.any():
            cell.contour(mask.numpy(), levels=[0.5], colors="yellow", linewidths=0.8)
    cell.set_axis_off()


if __name__ == "__main__":
    main()
