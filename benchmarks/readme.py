"""What do the picture and the table of README.md show? Makes both anew from a run of the demonstration.

    python benchmarks/readme.py [RUN]

The picture is written to docs/images/demonstration.png, the table is printed. Without RUN the demonstration is run
first, which takes a minute or a few; RUN is the directory of a `robustq stress` that ran it before. Copy the table
into README.md by hand.
"""

import sys
from pathlib import Path

from rich.console import Console

import robustq

PICTURE = Path(__file__).parents[1] / "docs" / "images" / "demonstration.png"
LEVELS = (0, 1, 10, 20, 30)
WIDTH = 120
"""Columns of the table, as in a terminal of that width."""


def main(directory: str | None) -> None:
    run = robustq.stress(noise=["gaussian"], levels=LEVELS) if directory is None else robustq.Run(directory)
    PICTURE.parent.mkdir(exist_ok=True)
    run.plot().savefig(PICTURE, dpi=100)
    Console(width=WIDTH).print(run.table())
    print(f"{PICTURE}: {PICTURE.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
