"""Figures: what they say of themselves, how they wrap, and how they are written for a paper."""

import math
import re
import zlib
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image
from scipy.stats import CensoredData, binomtest, ecdf

import rows
from robustq.report.figure_files import FigureFiles
from robustq.report.figure_style import COLUMN, PAGE, PAPER, SCREEN
from robustq.report.line_styles import COLOURS, line_style
from robustq.report.minimal_figure import minimal_figure
from robustq.report.panels import legend_below, panel_grid
from robustq.results.differences import compare
from robustq.results.stress_run import Run
from stored_runs import stored_run

MM = 72 / 25.4
"""Points of a millimetre."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    made = rows.run("unet", rows.declining(0.01, 0)) + rows.run("vq", rows.declining(0.001, 1))
    return Run(stored_run(tmp_path_factory.mktemp("figures") / "run", made))


def stored(path: Path, one: float, others: float, **changes: object) -> Run:
    """A run of one model in which one patient of eight has another value than the rest."""
    made = rows.run("m", lambda **at: one if at["group"] == 0 else others, **changes)
    return Run(stored_run(path, made))


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_curves_say_what_their_band_is_over_how_many_patients_and_which_direction_is_better(run: Run) -> None:
    figure = run.plot()
    assert legend(figure) == ["unet", "vq", "95 % interval of the mean over 8 patients"]
    assert figure.axes[0].get_ylabel() == "dice (higher is better)"
    assert "lower is better" in Run.plot(_distances(run)).axes[0].get_ylabel()


def _distances(run: Run) -> Run:
    """The same run, as one of distances."""
    made = rows.run("m", lambda **at: 0.5 + rows.declining(0, 0)(**at), metric="hd95", unit="mm")
    return Run(stored_run(run.directory.path.with_name("distances"), made))


def test_a_band_is_the_interval_that_the_tidy_table_has(run: Run) -> None:
    from robustq.results.tidy_curves import tidy_curves

    table = tidy_curves(run).query("model == 'vq' and perturbation == 'gaussian' and label == ''")
    band = run.plot().axes[0].collections[1].get_paths()[0].vertices
    for level, low, high in zip(table["level"], table["low"], table["high"], strict=True):
        heights = band[band[:, 0] == level][:, 1]
        assert (heights.min(), heights.max()) == pytest.approx((low, high))


def test_bands_and_axes_stay_within_what_is_possible(tmp_path: Path) -> None:
    near_one = stored(tmp_path / "dice", 0.5, 1.0)
    means = near_one.summary_frame()
    assert (means["mean"] + means["sd"]).max() > 1  # so that mean ± sd would not be possible
    dice = near_one.plot().axes[0]
    assert dice.get_ylim()[1] == 1
    assert all(path.vertices[:, 1].max() <= 1 for band in dice.collections for path in band.get_paths())
    distance = stored(tmp_path / "distance", 9.0, 0.1, metric="hd95", unit="mm").plot().axes[0]
    assert distance.get_ylim()[0] == 0


def test_an_infinite_distance_is_drawn_as_median_and_quartiles_and_said(tmp_path: Path) -> None:
    def value(group: int, level: float, **rest: object) -> float:
        return math.inf if group == 0 and level == 30 else 2.0 + group

    figure = Run(stored_run(tmp_path / "run", rows.run("m", value, metric="hd95", unit="mm"))).plot()
    assert legend(figure)[-1] == "line: median, band: quartiles over 8 patients; infinite values are not drawn"
    assert figure.axes[0].lines[0].get_ydata()[0] == 5.5


def test_one_patient_has_no_band_and_the_legend_says_so(tmp_path: Path) -> None:
    figure = Run(stored_run(tmp_path / "run", rows.run("m", rows.declining(0.01, 0), groups=1))).plot()
    assert legend(figure)[-1] == "no band: no interval over 1 patient"


@pytest.mark.parametrize(("count", "shape"), [(1, (1, 1)), (4, (1, 4)), (5, (2, 3)), (12, (3, 4)), (13, (4, 4))])
def test_small_multiples_wrap_into_rows(count: int, shape: tuple[int, int]) -> None:
    _, panels = panel_grid(count)
    spec = panels[0].get_subplotspec()
    assert spec is not None
    assert len(panels) == count
    assert spec.get_gridspec().get_geometry() == shape


def test_the_domains_of_a_perturbation_stand_in_one_row() -> None:
    assert [SCREEN.columns(count, together) for count, together in ((6, 2), (9, 3), (10, 5), (2, 2))] == [4, 3, 4, 2]
    assert PAPER.columns(24, 2) == 2


def test_every_two_of_thirty_lines_differ_in_grey() -> None:
    def luminance(colour: str) -> float:
        return float(np.dot(to_rgb(colour), (0.2126, 0.7152, 0.0722)))

    for one, other in combinations(map(line_style, range(30)), 2):
        assert (one["linestyle"], one["marker"]) != (other["linestyle"], other["marker"])
    for colour in COLOURS:
        assert luminance(colour) < 0.75  # and each is seen on white


def test_lines_keep_apart_once_a_figure_is_grey(run: Run) -> None:
    lines = run.plot().axes[0].lines
    assert len({(str(line.get_linestyle()), line.get_marker()) for line in lines}) == len(lines) == 2


def test_a_paper_has_column_width_type_42_fonts_and_no_title(run: Run, tmp_path: Path) -> None:
    def two() -> dict[str, Figure]:
        wide, narrow = run.plot(), panel_grid(1)[0]
        narrow.axes[0].plot([0, 1], label="line")
        narrow.suptitle("not in a paper")
        legend_below(narrow, narrow.axes[0].lines)
        return {"wide": wide, "narrow": narrow}

    captions = FigureFiles(tmp_path, ("pdf", "svg", "png"), PAPER).write(two)
    for name, width in (("wide", PAGE), ("narrow", COLUMN)):
        pdf = (tmp_path / f"{name}.pdf").read_bytes()
        box = re.search(rb"/MediaBox \[ ?0 0 ([\d.]+) ([\d.]+)", pdf)
        assert box is not None
        assert float(box[1]) / MM == pytest.approx(width, abs=0.1)
        objects = pdf + b"".join(_streams(pdf))
        assert b"/FontFile2" in objects  # an embedded TrueType font
        assert b"/Type3" not in objects
        with Image.open(tmp_path / f"{name}.png") as picture:
            assert picture.width == pytest.approx(width / 25.4 * 300, abs=1)
        assert "<text" not in (tmp_path / f"{name}.svg").read_text()
    assert captions["narrow"] == "not in a paper"
    assert b"not in a paper" not in (tmp_path / "narrow.svg").read_bytes()


def _streams(pdf: bytes) -> list[bytes]:
    inflated = []
    for stream in re.findall(rb"stream\r?\n(.*?)endstream", pdf, re.DOTALL):
        try:
            inflated.append(zlib.decompressobj().decompress(stream))
        except zlib.error:
            continue
    return inflated


def test_letters_are_readable_at_the_size_of_the_page_whoever_made_the_figure(tmp_path: Path) -> None:
    figure = Figure(figsize=(12, 6))
    figure.subplots().set_title("stranger's", fontsize=3)
    FigureFiles(tmp_path, ("png",), PAPER).write(lambda: {"strange": figure})
    assert figure.get_size_inches() * 25.4 == pytest.approx((PAGE, PAGE / 2))
    sizes = [text.get_fontsize() for text in figure.findobj(lambda artist: hasattr(artist, "get_fontsize"))]  # type: ignore[attr-defined]
    assert min(sizes) >= 6
    assert max(sizes) <= 8


def test_the_same_figure_is_the_same_file(tmp_path: Path) -> None:
    def made() -> dict[str, Figure]:
        figure, (panel,) = panel_grid(1)
        panel.fill_between([0, 1], [0, 1], [1, 2], label="band")
        legend_below(figure, panel.collections)
        return {"figure": figure}

    def written(folder: str) -> dict[str, bytes]:
        FigureFiles(tmp_path / folder, ("pdf", "svg", "png"), PAPER).write(made)
        return {path.name: path.read_bytes() for path in sorted((tmp_path / folder).iterdir())}

    assert written("one") == written("two")


def test_differences_stand_around_a_line_at_0(run: Run) -> None:
    figure = compare(run, "unet").plot()
    assert [axes.get_title() for axes in figure.axes] == ["gaussian", "poisson"]
    assert figure.axes[0].get_ylabel() == "dice minus that of\nunet (above 0 is better)"
    assert legend(figure) == ["vq", "95 % interval of the paired difference, over 8 patients"]
    # A model keeps its line style in every figure of its run.
    ours, curves = figure.axes[0].lines[1], run.plot().axes[0].lines[1]
    assert (ours.get_color(), ours.get_marker()) == (curves.get_color(), curves.get_marker())


def test_minimal_levels_are_the_share_that_holds_with_an_exact_interval() -> None:
    levels = [0.0, 20.0, 20.0, 55.0, 100.0]
    groups = pd.DataFrame({"model": "vq", "level": levels, "censored": [False] * 4 + [True]})
    figure = minimal_figure(groups, "gaussian on chests", 0.5)
    (line,), (band,) = figure.axes[0].lines, figure.axes[0].collections
    # One patient fails at once, and one holds to the end.
    assert dict(zip(*map(list, line.get_data()), strict=True)) == {0.0: 0.8, 20.0: 0.4, 55.0: 0.2, 100.0: 0.2}
    assert legend(figure) == ["vq", "95 % interval of the share over 5 patients"]
    heights = band.get_paths()[0].vertices[:, 1]
    exact = [binomtest(count, 5).proportion_ci(method="exact") for count in (4, 2, 1)]
    for interval in exact:
        assert np.isclose(heights, interval.low).any()
        assert np.isclose(heights, interval.high).any()
    assert figure.axes[0].get_ylabel() == "share of patients that hold\n(Dice ≥ 0.5; higher is better)"


def test_the_share_that_holds_is_the_kaplan_meier_curve() -> None:
    generator = np.random.default_rng(0)
    levels = np.minimum(generator.integers(0, 14, 40) * 10.0, 100.0)
    censored = (levels == 100) & (generator.random(40) < 0.7)
    figure = minimal_figure(pd.DataFrame({"model": "vq", "level": levels, "censored": censored}), "blur", 0.5)
    level, share = figure.axes[0].lines[0].get_data()
    survival = ecdf(CensoredData(uncensored=levels[~censored], right=levels[censored])).sf
    np.testing.assert_allclose(share, survival.evaluate(level), atol=1e-12)


def test_a_name_of_a_model_writes_nothing_outside_the_folder(tmp_path: Path) -> None:
    files = FigureFiles(tmp_path / "inside", ("png",))
    files.write(lambda: {"radii-../../x": Figure(figsize=(1, 1))})
    assert [path.name for path in tmp_path.rglob("*.png")] == ["radii-..-..-x.png"]
    assert [path.name for path in tmp_path.iterdir()] == ["inside"]
