"""Reads `--severity`: the image quality that a perturbation is to have, instead of a level."""

from dataclasses import dataclass

from robustq.errors import RequestError, unknown

QUALITIES = ("ssim", "psnr", "snr")
"""The qualities of an image that can be a target: SSIM, and PSNR and SNR in dB."""

DOSE = "dose"
"""The target that is a share of the dose of a scan; it has a level for gaussian noise alone."""

_ACCEPTED = "write one such as ssim:0.95,0.9 or psnr:30,25 or snr:20,10 or dose:0.5,0.25"


@dataclass(frozen=True)
class Severity:
    """Targets that stand in the place of levels.

    Attributes:
        quality: one of `QUALITIES`, or `DOSE`.
        targets: the targets, the mildest first.
        noise: with `DOSE`, standard deviation of the noise at the full dose, in percent of the intensity range; None if
            it is estimated from each image.
    """

    quality: str
    targets: tuple[float, ...]
    noise: float | None = None

    @property
    def names(self) -> list[str]:
        """Each target as it stands in the rows, such as `ssim:0.9`."""
        return [f"{self.quality}:{target:g}" for target in self.targets]

    def __str__(self) -> str:
        """The text that `parse_severity` reads."""
        head = self.quality if self.noise is None else f"{self.quality}@{self.noise:g}"
        return f"{head}:{','.join(f'{target:g}' for target in self.targets)}"


def parse_severity(text: str) -> Severity:
    """The severity of a text such as `ssim:0.95,0.9` or, with the noise of the full dose, `dose@2:0.5`.

    Raises:
        RequestError: the text is not of this form, or a target cannot be reached by any image.
    """
    head, _, listed = text.strip().partition(":")
    quality, at, noise = head.partition("@")
    if quality not in (*QUALITIES, DOSE):
        raise unknown("severity", quality, [*QUALITIES, DOSE])
    try:
        targets = {float(target) for target in listed.split(",")}
        given = float(noise) if at else None
    except ValueError as error:
        raise RequestError(f"severity {text!r} has an entry that is not a number: {_ACCEPTED}") from error
    if given is not None and (quality != DOSE or not 0 < given <= 100):
        raise RequestError(
            f"severity {text!r} has a setting: only dose takes one, the noise of the full dose in percent of the "
            "intensity range, as in dose@2:0.5"
        )
    largest = float("inf") if quality in ("psnr", "snr") else 1.0
    smallest = -float("inf") if quality == "snr" else 0.0
    if not all(smallest < target < largest for target in targets):
        raise RequestError(
            f"severity {text!r} has a target that no changed image has: ssim and dose lie between 0 and 1, psnr above "
            f"0; {_ACCEPTED}"
        )
    return Severity(quality, tuple(sorted(targets, reverse=True)), given)
