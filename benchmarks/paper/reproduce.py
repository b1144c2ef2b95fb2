"""A table or a figure of the paper, beside what a study of ours measured.

    python benchmarks/paper/reproduce.py table-4 --study runs/paper
    python benchmarks/paper/reproduce.py figure-1 --study runs/montgomery --as NIH=montgomery --as JSRT=shenzhen

It prints the paper's figures, ours and our intervals, says which data are missing and how to get them, and writes
Markdown, LaTeX, CSV and a picture into `the-paper/` of the study. Without a study it prints the paper's figures alone.
`make paper-table-4` does the same after `make paper`.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from matplotlib.figure import Figure

from reproduction.answers import across_domains, under_noise
from reproduction.heat_map import heat_map
from reproduction.ours import Ours, parse_stand_ins
from reproduction.picture import picture_of
from reproduction.table import Maker, Pictures, Table
from reproduction.tables.noises import under_noise as noise_table
from reproduction.tables.organs import organs
from reproduction.tables.radii import radii
from reproduction.tables.shifts import shifts
from reproduction.tables.variances import variances
from robustq.errors import RequestError
from robustq.report.figure_files import FigureFiles
from robustq.report.grid import Grid
from robustq.results.study import Study
from robustq.results.study_file import NAME
from robustq.whole_file import whole_file

TABLES: Mapping[str, Maker] = {
    "table-1": radii,
    "table-2": shifts,
    "table-3": variances,
    "table-4": noise_table("Table 4: Dice under Gaussian noise", "gaussian"),
    "table-5": noise_table("Table 5: Dice under salt-and-pepper noise", "salt-and-pepper"),
    "table-6": noise_table("Table 6: Dice under Poisson noise", "poisson"),
    "table-7": organs,
}

FIGURES: Mapping[str, Callable[[Ours, Path], tuple[Table, Pictures]]] = {
    "figure-1": across_domains,
    "figure-2": lambda ours, folder: heat_map(ours),
    "figure-3": partial(under_noise, "Figure 3: answers of the abdomen under noise", ("Abdomen",)),
    "figure-5": partial(under_noise, "Figure 5: answers of chest and prostate under noise", ("NIH", "BMC")),
}


def reproduce(what: str, ours: Ours, folder: Path) -> Grid:
    """Make a table or a figure, write it into a folder, and return its cells."""
    if what in TABLES:
        table = TABLES[what](ours)
        draw: Pictures = partial(_picture, what, table)
    else:
        table, draw = FIGURES[what](ours, folder / "cases")
    grid = table.grid(ours)
    for suffix, text in {"md": grid.to_markdown(), "tex": grid.to_latex(), "csv": grid.to_csv()}.items():
        with whole_file(folder / f"{what}.{suffix}") as temporary:
            temporary.write_text(text, encoding="utf-8")
    FigureFiles(folder).write(draw)
    return grid


def _picture(name: str, table: Table) -> dict[str, Figure]:
    return {name: picture_of(table)}


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=[*TABLES, *FIGURES], metavar="WHAT", help=", ".join([*TABLES, *FIGURES]))
    parser.add_argument("--study", type=Path, default=Path("runs/paper"), help="directory of a study")
    parser.add_argument(
        "--as",
        dest="stand_ins",
        action="append",
        default=[],
        metavar="PAPER=OURS",
        help="a data set of the study that stands in for one of the paper, such as NIH=montgomery",
    )
    parser.add_argument("--unet", default="unet", help="model of the study that stands beside the paper's UNet")
    parser.add_argument("--vq", default="vq", help="model of the study that stands beside the paper's VQ-UNet")
    parser.add_argument("--out", type=Path, help="folder of the files; by default the-paper in the study")
    asked = parser.parse_args(words)
    folder = asked.out or asked.study / "the-paper"
    try:
        study = Study(asked.study) if (asked.study / NAME).exists() else None
        ours = Ours(study, asked.unet, asked.vq, parse_stand_ins(asked.stand_ins))
        grid = reproduce(asked.what, ours, folder)
    except RequestError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(grid.to_text())
    if study is None:
        print(f"There is no study in {asked.study}, so the paper stands alone: make paper TRAIN=DATA TEST=DATA.")
    print(f"Markdown, LaTeX, CSV and pictures are in {folder}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
