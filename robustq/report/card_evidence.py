"""The published items for which parts of a card are evidence. Their texts were read; others are left out."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

SOURCES = {
    "CLAIM": "Mongan J, Moy L, Kahn CE. Checklist for Artificial Intelligence in Medical Imaging (CLAIM). Radiology: "
    "Artificial Intelligence 2(2), 2020, e200029.",
    "FUTURE-AI": "Lekadir K and others. FUTURE-AI: international consensus guideline for trustworthy and deployable "
    "artificial intelligence in healthcare. BMJ 388, 2025, e081554.",
    "EU AI Act": "Regulation (EU) 2024/1689, Article 15: accuracy, robustness and cybersecurity of high-risk AI "
    "systems.",
}
"""The publications by the names that cards use."""

NOTICE = (
    "This card is evidence for the items that it names. It does not say that a model or its maker complies with any of "
    "them, or that a model is safe."
)


class Item(NamedTuple):
    """An item of a publication.

    Attributes:
        source: name in `SOURCES`.
        item: its number there.
        asks: what it asks for, in our words.
    """

    source: str
    item: str
    asks: str


EVIDENCE: Mapping[str, tuple[Item, ...]] = {
    "data": (
        Item("CLAIM", "item 7", "the sources of the data"),
        Item("CLAIM", "item 9", "how the data are preprocessed"),
    ),
    "models": (
        Item("CLAIM", "item 25", "details of the training: augmentation, hyperparameters, number of trained models"),
        Item("CLAIM", "item 26", "how the final model was selected"),
    ),
    "perturbations": (
        Item("FUTURE-AI", "Robustness 1", "an inventory of the sources of variation"),
        Item("CLAIM", "item 30", "an analysis of robustness or sensitivity"),
    ),
    "results": (
        Item("FUTURE-AI", "Robustness 3", "an evaluation under conditions that reflect the variations of practice"),
        Item("CLAIM", "item 28", "the metrics of performance"),
        Item("CLAIM", "item 29", "statistical measures of uncertainty"),
        Item("CLAIM", "item 36", "estimates with their precision, such as 95 % confidence intervals"),
        Item("EU AI Act", "Article 15(3)", "the levels of accuracy and the metrics, to be declared to users"),
        Item("EU AI Act", "Article 15(4)", "resilience to errors, faults and inconsistencies"),
    ),
    "liveness": (),
    "known_failures": (
        Item("CLAIM", "item 37", "an analysis of failures"),
        Item("EU AI Act", "Article 15(4)", "resilience to errors, faults and inconsistencies"),
    ),
    "not_tried": (
        Item("CLAIM", "item 38", "limitations: bias, statistical uncertainty, whether the results generalise"),
    ),
    "rerun": (
        Item("CLAIM", "item 23", "the software libraries and frameworks"),
        Item("FUTURE-AI", "Traceability 2", "documentation for those who are concerned, technical documentation too"),
    ),
}
"""For each part of a card, the items for which it is evidence."""

ATTACKS = Item("EU AI Act", "Article 15(5)", "measures against inputs that are made to mislead the model")
"""For a card of a run with attacks."""

EXTERNAL = Item("CLAIM", "item 32", "a test on external data")
"""For a card of a run with a domain in which no model was trained."""


def evidence_for(part: str, further: Collection[Item] = ()) -> list[dict[str, str]]:
    """The items of a part, as JSON values.

    Args:
        part: a key of `EVIDENCE`.
        further: items for which this run alone is evidence.
    """
    return [item._asdict() for item in (*EVIDENCE[part], *further)]
