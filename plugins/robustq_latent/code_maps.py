"""Maps of the code of each token of a few cases: writes them as rows and reads them back."""

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from robustq.analyser import Finding
from robustq.dataset import Case, Entry
from robustq.report.numbers import count

SIDE = 64
"""Largest number of pixels along the longer side of a stored image, so at most 64 x 64 rows for a case."""

GREYS = 255
"""Brightness of the brightest stored pixel; the darkest is 0. A screen shows no more steps."""

_IMAGE, _CODE = "code_map_image", "code_map_code"


@dataclass(frozen=True)
class CodeMap:
    """A case's image with the codes of its tokens; for a volume, the middle slice of both.

    Attributes:
        case: case id.
        image: brightness of the first channel, 0 to 255 in whole steps, averaged down to at most 64 pixels a side.
        codes: codes of the tokens in the first stage.
    """

    case: str
    image: Float[Tensor, "h w"]
    codes: Int[Tensor, "th tw"]

    @classmethod
    def of_case(cls, case: Case, codes: Int[Tensor, "*t"]) -> "CodeMap":
        """The map of a prepared case, given the codes on their grid; for a sliced volume, slices are the first axis."""
        image = case.image[0]
        if case.slice_axis is not None:
            image = image.movedim(case.slice_axis, 0)
        while image.ndim > 2:
            # The token layer that covers the middle of the first axis.
            image, codes = image[len(image) // 2], codes[len(codes) // 2]
        return cls(case.entry.id, _brightness(image), codes.cpu())

    def findings(self, entry: Entry) -> Iterable[Finding]:
        """One finding for each pixel and one for each token, with the label "row,column"."""
        for metric, values in ((_IMAGE, self.image), (_CODE, self.codes)):
            yield from map_findings(metric, values, entry)


def code_maps(rows: pd.DataFrame) -> list[CodeMap]:
    """Read the maps from the rows of one model, in the order in which they were written."""
    map_rows = rows[rows["metric"].isin([_IMAGE, _CODE])]
    return [
        CodeMap(str(case), map_of(case_rows, _IMAGE), map_of(case_rows, _CODE).long())
        for case, case_rows in map_rows.groupby("case", sort=False)
    ]


def shown_cases(rows: pd.DataFrame) -> str:
    """Which of the cases have maps: `the first 3 of 24 cases, all of domain A`.

    Args:
        rows: rows of an analysis.
    """
    shown = rows[rows["metric"] == _CODE].drop_duplicates("case")
    text = f"the first {len(shown)} of {count(rows['case'].replace('', None).nunique(), 'case')}"
    names = {str(domain) for domain in shown["domain"]}
    others = set(rows[rows["case"] != ""]["domain"]) - names
    return f"{text}, all of domain {next(iter(names))}" if len(names) == 1 and others else text


def map_findings(metric: str, values: Tensor, entry: Entry | None = None, draw: int | None = None) -> Iterable[Finding]:
    """One finding for each value of a map (rows, columns), with the label "row,column"; only a figure needs them.

    Args:
        metric: name of what the map shows.
        values: the map.
        entry: the case, where the piece does not say it.
        draw: number of the draw.
    """
    for row, line in enumerate(values.tolist()):
        for column, value in enumerate(line):
            yield Finding(metric, float(value), f"{row},{column}", entry=entry, draw=draw, for_figure=True)


def _brightness(image: Float[Tensor, "h w"]) -> Float[Tensor, "rows columns"]:
    height, width = image.shape
    scale = min(1.0, SIDE / max(height, width))
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    small = F.adaptive_avg_pool2d(image.cpu().double()[None], size)[0]
    span = small.max() - small.min()
    return ((small - small.min()) / (span if span > 0 else 1) * GREYS).round()


def map_of(rows: pd.DataFrame, metric: str) -> Float[Tensor, "h w"]:
    """The map (rows, columns) that the findings of one case were made of."""
    metric_rows = rows[rows["metric"] == metric]
    places = torch.tensor([[int(index) for index in label.split(",")] for label in metric_rows["label"]])
    table = torch.zeros(*(places.amax(0) + 1).tolist(), dtype=torch.float64)
    table[places[:, 0], places[:, 1]] = torch.tensor(metric_rows["value"].to_numpy(float))
    return table
