"""The bundled pair: a small UNet and its vector-quantised twin, trained on the phantom's scanner A."""

from pathlib import Path

DATA = "phantom:first=160,cases=12"
"""Default data of the pair: cases after A/0000 to A/0159, which trained it or were used to choose its epoch."""

FOLDER = Path(__file__).parent / "demo"


def demonstration_pair() -> dict[str, Path]:
    """The two bundles by name. `benchmarks/demonstration.py` trains them again."""
    return {name: FOLDER / f"{name}.safetensors" for name in ("unet", "vq-unet")}
