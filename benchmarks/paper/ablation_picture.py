"""Draws docs/images/ablations.png from the rows in results/ablations-narrow.

.venv/bin/python benchmarks/paper/ablation_picture.py
"""

from pathlib import Path

from kept.ablation_figure import ablation_figure
from robustq.report.figure_files import FigureFiles
from robustq.results.study import Study
from robustq.storage.run_path import run_path

HERE = Path(__file__).parent


def main() -> None:
    study = Study(HERE / "results" / "ablations-narrow")
    files = FigureFiles(run_path(HERE.parents[1] / "docs" / "images"), formats=("png",))
    files.write(lambda: {"ablations": ablation_figure(study)})


if __name__ == "__main__":
    main()
