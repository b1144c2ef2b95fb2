"""A model as a notebook shows it: a small table as HTML."""

from html import escape

from robustq.model.spec import NO_SITE, Spec


def in_notebook(spec: Spec, parameters: int) -> str:
    """What the spec says of a model, one line each. Every name in it is text.

    Args:
        spec: the spec of the model.
        parameters: number of its parameters.
    """
    facts = {
        "network": spec.architecture or "given by hand",
        "quantiser": str(spec.quantise),
        "cut at": "no bottleneck" if spec.site == NO_SITE else spec.site,
        "images": f"{spec.dims}D, channels: {spec.preparation.case_channels}",
        "labels": ", ".join(spec.labels),
        "parameters": f"{parameters:,}",
        "remarks": "; ".join(spec.status),
    }
    lines = [f"<tr><th>{name}</th><td>{escape(text)}</td></tr>" for name, text in facts.items() if text]
    return "\n".join(["<table>", "<caption>Segmenter</caption>", *lines, "</table>"])
