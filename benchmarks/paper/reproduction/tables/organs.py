"""Table 7: every organ of the abdomen."""

from reproduction.line import Line, our_value, paper_value, two_digits
from reproduction.ours import Ours
from reproduction.published_figures import printed
from reproduction.table import Table
from robustq.report.numbers import number

ORGANS = {
    "Spl": "spleen",
    "Rki": "right kidney",
    "Lki": "left kidney",
    "Gal": "gallbladder",
    "Eso": "esophagus",
    "Liv": "liver",
    "Sto": "stomach",
    "Aor": "aorta",
    "IVC": "inferior vena cava",
    "Eso(2)": "",
    "Vei": "portal and splenic vein",
    "Pan": "pancreas",
    "AG": "right adrenal gland",
    "Avg": "",
}
"""Labels as Table 7 prints them -> labels of the dataset `btcv`; "" where it has none."""

_METRICS = {"dice": ("Dice", "dice", number), "hd95": ("HD95", "hd95", two_digits), "asd": ("ASD", "assd", two_digits)}
"""The paper's metrics: names in the table, ours, and how they are printed."""


def organs(ours: Ours) -> Table:
    """Dice and distances of each label, without noise."""
    means = ours.means("Abdomen", by_label=True)
    clean = means[means["level"] == 0]
    others = {str(label): str(label) for label in clean["label"].unique() if label not in ORGANS.values()}
    lines = []
    for column, (name, metric, form) in _METRICS.items():
        of_metric = clean[clean["metric"] == metric]
        for label, organ in {**ORGANS, **others}.items():
            for role in ours.roles:
                text = printed("table7_btcv_labels", "value", metric=column, model=role, label_as_printed=label)
                figure = our_value(of_metric[of_metric["label"] == organ], ours.networks(role), form)
                lines.append(Line(name, role, label, paper_value(text), figure))
    notes = [
        "Labels are those that the paper prints: Eso twice, and one adrenal gland (AG), where the data have two; our "
        "right one stands beside it. Avg: the mean over the paper's labels.",
        "ASD: ours is the mean surface distance of both directions (assd). Distances are in mm where the files say a "
        "spacing. They are measured if metrics in [stress] names hd95 and assd.",
    ]
    return Table("Table 7: every organ", "label", lines, ("Abdomen",), notes)
