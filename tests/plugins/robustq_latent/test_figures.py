"""Figures of the latent analysers, read back from matplotlib's objects."""

import io
from itertools import combinations, product

import numpy as np
import pandas as pd
import torch
from matplotlib.colors import LogNorm, to_rgb
from matplotlib.figure import Figure

from robustq_latent.code_map_figures import COLOURS, OTHERS, code_map_figure
from robustq_latent.code_maps import CodeMap
from robustq_latent.taylor_figures import shift_figure
from robustq_latent.variance_figures import DECADES, flip_rate_figure, heat_map


def elements(models: tuple[str, ...], value: float = 1.0) -> pd.DataFrame:
    """Element variances that span eight powers of ten; the first element of each case is never changed."""
    made = [
        {"model": model, "level": level, "domain": "", "case": str(case), "label": str(element)}
        | {"value": 0.0 if element == 0 else value * level * 10.0**-element}
        for model, level, case, element in product(models, (10.0, 30.0), range(3), range(9))
    ]
    return pd.DataFrame(made)


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def bars(figure: Figure) -> list[list[str]]:
    """The labels of the colour bars, part by part."""
    return [[axes.get_ylabel() for axes in part.axes if axes.get_label() == "<colorbar>"] for part in figure.subfigs]


def test_heat_maps_have_logarithmic_colours_and_one_bar_for_each_unit() -> None:
    figure = heat_map(elements(("vq", "plain")), {"vq": 0.5, "plain": 2.0})
    assert bars(figure) == [["own unit²", "own unit²"], ["relative variance"]]
    images = [axes.images[0] for axes in figure.axes if axes.images]
    assert len(images) == 2 * 2 * 2  # models, levels, raw and relative
    for image in images:
        assert isinstance(image.norm, LogNorm)
        low, high = image.get_clim()
        assert high / low <= 10**DECADES * 1.001
    assert len({image.get_clim() for image in images[4:]}) == 1  # the relative ones can be compared


def test_zeros_have_a_colour_of_their_own_that_the_legend_names() -> None:
    figure = heat_map(elements(("vq",)), {"vq": 1.0})
    assert legend(figure) == ["exactly 0: no draw changes the element"]
    image = figure.axes[0].images[0]
    shown = image.get_array()
    assert np.ma.getmaskarray(np.ma.masked_invalid(shown))[:, 0].all()
    assert not np.ma.getmaskarray(np.ma.masked_invalid(shown))[:, 1:].any()


def test_latents_that_nothing_changes_are_drawn_all_grey_and_without_a_relative_part() -> None:
    figure = heat_map(elements(("dead",), value=0.0), {"dead": 0.0})
    assert bars(figure) == [["own unit²"]]
    figure.savefig(io.BytesIO(), format="png")


def maps(codes: int) -> list[CodeMap]:
    """A map in which code 0 is the most frequent, and each further code is rarer."""
    tokens = torch.cat([torch.full((2 * codes - code,), code) for code in range(codes)])
    return [CodeMap("case", torch.zeros(4, 4), tokens[None])]


def test_codes_beyond_twenty_four_share_a_grey_and_are_counted() -> None:
    few, many = legend(code_map_figure(maps(24), "")), legend(code_map_figure(maps(30), ""))
    assert few == [f"code {code}" for code in range(24)]
    share = sum(60 - code for code in range(24, 30)) / sum(60 - code for code in range(30))
    assert many == [*few, f"6 other codes, {100 * share:.0f} % of the tokens"]


def test_the_colours_of_codes_can_be_told_apart() -> None:
    assert len(COLOURS) > 20
    for one, other in combinations((*COLOURS, OTHERS), 2):
        assert np.linalg.norm(lab(one) - lab(other)) > 25, (one, other)


def lab(colour: str) -> np.ndarray:
    """CIELAB of an sRGB colour, by its definition."""
    light = np.array(
        [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in to_rgb(colour)]
    )
    matrix = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x, y, z = np.cbrt(matrix @ light / (0.95047, 1.0, 1.08883))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def test_flip_rates_wrap_into_rows_and_their_bands_stay_between_0_and_1() -> None:
    names = [f"noise {number}" for number in range(6)]
    made = [
        {"model": "vq", "training_seed": 0, "dataset": "d", "group": str(group), "case": str(group), "label": ""}
        | {"perturbation": name, "level": level, "metric": "flip_rate", "unit": "", "draw": 0, "status": "ok"}
        | {"value": 1.0 if group else 0.1}
        for name, level, group in product(names, (10.0, 30.0), range(5))
    ]
    figure = flip_rate_figure(pd.DataFrame(made), ["vq"])
    spec = figure.axes[0].get_subplotspec()
    assert spec is not None
    assert spec.get_gridspec().get_geometry() == (2, 3)
    assert figure.axes[0].get_ylabel() == "share of tokens that flip\n(lower is better)"
    assert legend(figure) == ["vq", "95 % interval of the mean over 5 patients"]
    heights = np.concatenate([band.get_paths()[0].vertices[:, 1] for axes in figure.axes for band in axes.collections])
    assert heights.min() >= 0
    assert heights.max() <= 1


def test_shifts_wrap_into_rows_and_the_legend_counts_tokens_and_cases() -> None:
    made = [
        {"perturbation": f"noise {noise}", "level": 10.0, "domain": "", "case": str(case), "label": str(token)}
        | {"metric": metric, "value": 1.0 + token + case}
        for noise, case, token in product(range(5), range(2), range(3))
        for metric in ("token_predicted_shift", "token_true_shift")
    ]
    figure = shift_figure(pd.DataFrame(made))
    spec = figure.axes[0].get_subplotspec()
    assert spec is not None
    assert spec.get_gridspec().get_geometry() == (2, 3)
    assert legend(figure) == ["10\N{NO-BREAK SPACE}%", "prediction = truth", "6 tokens of 2 cases"]
