"""The JSON schema of a robustness card."""

from importlib.resources import files


def card_schema() -> str:
    """The schema as JSON (draft 2020-12)."""
    return (files("robustq.report") / "card.schema.json").read_text(encoding="utf-8")
