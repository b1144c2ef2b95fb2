"""The bundled pair: a small UNet and its vector-quantised twin, trained on the phantom's scanner A."""

from pathlib import Path

DATA = "phantom:first=160,cases=12"
"""What the pair is stressed with where no data is named: A/0000 to A/0159 trained it, or chose its epoch."""

FOLDER = Path(__file__).parent / "demo"


def demonstration_pair() -> dict[str, Path]:
    """The two bundles by name. `benchmarks/demonstration.py` trains them anew."""
    return {name: FOLDER / f"{name}.safetensors" for name in ("unet", "vq-unet")}
