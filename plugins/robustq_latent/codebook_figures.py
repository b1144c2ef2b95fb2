"""Pictures of a codebook: its radii, and where it lies among the embeddings."""

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from matplotlib.figure import Figure
from sklearn.decomposition import PCA
from torch import Tensor


def radius_histogram(rows: pd.DataFrame) -> Figure:
    """Histogram of r_i, codes in use and unused codes apart, with r as a line.

    Args:
        rows: of one model; of several stages all are shown together.
    """
    radius = rows[rows["metric"] == "r_i"].set_index("label")["value"]
    used = set(rows[(rows["metric"] == "code_usage") & (rows["domain"] == "")]["label"])
    finite = radius[np.isfinite(radius.to_numpy(float))]
    figure = Figure(figsize=(4.6, 4.2), layout="constrained")
    # A thousand unused codes would hide ten that live, so each has a scale of its own.
    panels = figure.subplots(2, 1, sharex=True)
    edges = np.histogram_bin_edges(finite.to_numpy(float), bins=40).tolist()
    for panel, part, name, colour in (
        (panels[0], finite[finite.index.isin(used)], "in use", "tab:red"),
        (panels[1], finite[~finite.index.isin(used)], "unused", "0.6"),
    ):
        panel.hist(part.to_numpy(float), bins=edges, color=colour, label=f"{name} ({len(part)})")
        for r in rows[rows["metric"] == "r"]["value"].dropna():
            panel.axvline(r, color="black", linewidth=1, linestyle="--", label=f"r = {r:.3g} (equation 3)")
        panel.set_ylabel("codes")
        panel.legend(frameon=False, fontsize="small")
    panels[1].set_xlabel("r_i, half the distance to the nearest other vector")
    return figure


def codebook_map(vectors: Float[Tensor, "k d"], embeddings: Float[Tensor, "n d"], counts: Int[Tensor, " k"]) -> Figure:
    """The first two principal components of the embeddings, with the codebook in the same plane.

    Args:
        vectors: of one stage.
        embeddings: some of those of the clean cases, where the quantiser searches.
        counts: how often each vector was chosen.
    """
    plane = PCA(n_components=min(2, *embeddings.shape))
    points = plane.fit_transform(embeddings.double().numpy())
    places = plane.transform(vectors.double().numpy())
    if points.shape[1] == 1:
        points, places = (np.pad(values, ((0, 0), (0, 1))) for values in (points, places))
    used = (counts > 0).cpu().numpy()
    figure = Figure(figsize=(4.8, 4.2), layout="constrained")
    panel = figure.subplots()
    idle, lively = places[~used], places[used]
    panel.scatter(points[:, 0], points[:, 1], s=3, alpha=0.25, label=f"embeddings ({len(points)})", linewidths=0)
    # On top: where unused codes crowd together a large marker of one in use would hide them all.
    panel.scatter(
        idle[:, 0],
        idle[:, 1],
        s=8,
        color="0.2",
        marker="x",
        linewidths=0.8,
        label=f"unused codes ({len(idle)})",
        zorder=3,
    )
    size = 20 + 80 * torch.sqrt(counts[counts > 0] / counts.max()).cpu().numpy()
    label = f"codes in use ({len(lively)})"
    panel.scatter(lively[:, 0], lively[:, 1], s=size, color="tab:red", edgecolor="black", linewidths=0.6, label=label)
    explained = 100 * plane.explained_variance_ratio_.sum()
    panel.set_title(f"two principal components, {explained:.0f} % of the embeddings' variance", fontsize="small")
    panel.legend(frameon=False, fontsize="small", markerscale=0.8)
    return figure
