"""The bundled pair: a small UNet and its vector-quantised twin, trained on the phantom's scanner A."""

from pathlib import Path

FOLDER = Path(__file__).parent / "demo"


def demonstration_pair() -> dict[str, Path]:
    """The two bundles by name. `benchmarks/demonstration.py` trains them anew."""
    return {name: FOLDER / f"{name}.safetensors" for name in ("unet", "vq-unet")}
