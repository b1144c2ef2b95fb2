"""Registers the semantic segmentation networks of transformers as one architecture."""

from pathlib import Path
from typing import Any

from torch import nn
from transformers import CONFIG_MAPPING, AutoModelForSemanticSegmentation

from robustq.errors import RequestError, unknown
from robustq.model.pretrained import Trained
from robustq.network.build import require_2d
from robustq_hf.networks import NETWORKS, SITES, Resized


class HfArchitecture:
    """Semantic segmentation networks of transformers, by their configuration.

    The network is the library's own, unchanged; its class scores are resized to the image. It is cut where probing
    finds its bottleneck. Nothing is downloaded.
    """

    __name__ = "hf"

    def __call__(
        self, *, in_channels: int = 1, classes: int = 2, dims: int = 2, model_type: str = "segformer", **settings: Any
    ) -> nn.Module:
        """A network with fresh weights.

        Args:
            in_channels: channels of the image.
            classes: output channels, background included.
            dims: 2; the library has no 3D networks.
            model_type: kind of network, as `model_type` in config.json.
            **settings: other entries of its configuration, as config.json has them.

        Raises:
            RequestError: there is no such kind of network, the settings do not fit it, or they name a network that the
                library would download.
        """
        require_2d(self.__name__, dims)
        if model_type not in NETWORKS:
            raise unknown("model_type of hf", model_type, NETWORKS)
        _refuse_downloads(settings)
        try:
            config = CONFIG_MAPPING[model_type](**settings, num_labels=classes)
            owners: tuple[Any, ...] = (config, getattr(config, "backbone_config", None))
            for owner in owners:
                if hasattr(owner, "num_channels"):
                    owner.num_channels = in_channels
            network = AutoModelForSemanticSegmentation.from_config(config, trust_remote_code=False)
        except (LookupError, ValueError, TypeError, AttributeError, AssertionError, RuntimeError, ImportError) as error:
            raise RequestError(f"hf's {model_type} cannot be built with these settings: {error}") from error
        resized = Resized(network)
        if model_type in SITES:
            resized.site = SITES[model_type]
        return resized

    def read(self, path: str, *, trust: bool = False) -> Trained:
        """Read a folder that `save_pretrained` of transformers wrote; see `robustq_hf.saved.read_saved`.

        Args:
            path: the folder.
            trust: without effect, because nothing in these folders is executed.

        Raises:
            RequestError: the folder cannot be used.
        """
        from robustq_hf.saved import read_saved

        return read_saved(Path(path))


def _refuse_downloads(settings: dict[str, Any]) -> None:
    """Refuse a backbone that is given by its name on the hub, at any depth of a configuration."""
    if isinstance(settings.get("backbone"), str) and settings.get("model_type") != "timm_backbone":
        raise RequestError(
            f"the configuration names the backbone {settings['backbone']!r}, which transformers would download: save "
            "the network with transformers 5 or later, which writes the backbone's own configuration"
        )
    for value in settings.values():
        if isinstance(value, dict):
            _refuse_downloads(value)


hf = HfArchitecture()
"""Semantic segmentation networks of transformers (--set model_type=NAME); hf:FOLDER is a trained one."""
