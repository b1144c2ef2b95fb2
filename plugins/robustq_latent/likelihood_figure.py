"""The figures of the analyser `likelihood`: which tokens of a case its prior finds improbable."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd
from torch import Tensor

from robustq.report.numbers import percent
from robustq.report.panels import panel_grid, title_panels
from robustq.request.names import CLEAN
from robustq_latent.code_maps import map_of
from robustq_latent.likelihood_tables import TOKEN

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def likelihood_figures(rows: pd.DataFrame, models: Sequence[str]) -> "Mapping[str, Figure]":
    """For each model and perturbation, the nats of each token of the first case, clean and at each level.

    Args:
        rows: rows of a whole analysis.
        models: models in the order of the figures.
    """
    figures = {}
    tokens = rows[rows["metric"] == TOKEN]
    for model in models:
        of_model = tokens[tokens["model"] == model]
        clean = of_model[of_model["perturbation"] == CLEAN]
        for perturbation, under in of_model[of_model["level"] > 0].groupby("perturbation", sort=False):
            levels = {"clean": map_of(clean, TOKEN)} | {
                percent(level): map_of(under[under["level"] == level], TOKEN)
                for level in sorted(under["level"].unique())
            }
            name = f"token-nats-{model}-{str(perturbation).replace(':', '-')}"
            figures[name] = _figure(levels, model, str(perturbation), str(clean["case"].iloc[0]))
    return figures


def _figure(maps: Mapping[str, Tensor], model: str, perturbation: str, case: str) -> "Figure":
    figure, panels = panel_grid(len(maps), panel=(2.6, 2.6))
    highest = max(float(values.max()) for values in maps.values())
    for panel, values in zip(panels, maps.values(), strict=True):
        image = panel.imshow(values.numpy(), cmap="viridis", vmin=0, vmax=highest, interpolation="nearest")
        panel.set_axis_off()
    title_panels(figure, panels, list(maps))
    figure.colorbar(image, ax=panels, label="nats (-log p of the code)", shrink=0.8)
    figure.set_label(
        f"How improbable the prior of {model} finds each token of case {case}, clean and in one draw of {perturbation} "
        "at each level"
    )
    return figure
