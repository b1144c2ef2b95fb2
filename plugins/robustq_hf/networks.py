"""The semantic segmentation networks of transformers: which there are, where they are cut, and their answer."""

from torch import Tensor, nn
from torch.nn.functional import interpolate
from transformers.models.auto.modeling_auto import MODEL_FOR_SEMANTIC_SEGMENTATION_MAPPING_NAMES

NETWORKS: tuple[str, ...] = tuple(MODEL_FOR_SEMANTIC_SEGMENTATION_MAPPING_NAMES)
"""Kinds of networks, as `model_type` in config.json names them."""

SITES = {
    "mobilenet_v2": "model.mobilenet_v2.layer.15",
    "mobilevit": "model.mobilevit.encoder.layer.4",
    "mobilevitv2": "model.mobilevitv2.encoder.layer.4",
}
"""Sites of the networks in which probing finds a worse one: the end of the last stage of their encoders."""


class Resized(nn.Module):
    """A network of transformers whose class scores are resized to the image, as its post-processing does.

    Args:
        model: the network, unchanged.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.site: str | None = None  # found by probing, unless the architecture declares it

    def forward(self, images: Tensor) -> Tensor:
        """Class scores (B, classes, *S) of images (B, C, *S), resized bilinearly."""
        scores = self.model(pixel_values=images).logits  # (b, classes, h, w), often a quarter of the image
        return interpolate(scores, size=images.shape[2:], mode="bilinear", align_corners=False)
