"""The architecture `nnunet`: the two networks of nnU-Net."""

import inspect
from collections.abc import Mapping
from typing import Any

from torch import nn

from robustq.dataset import Case
from robustq.errors import RequestError, unknown
from robustq.model.pretrained import Trained
from robustq_nnunet.networks import NETWORKS, defaults, resolved


class NnunetArchitecture:
    """PlainConvUNet and ResidualEncoderUNet as nnU-Net builds them from its plans.

    The networks are the library's own, unchanged. They are cut at the last feature map of the encoder; the other
    feature maps are the skips. With deep supervision the output is a list, and the entry at full resolution is the
    answer. Names of classes in the settings are looked up, never imported, so that nothing in a plans file or a bundle
    is executed.
    """

    site = "encoder"
    __name__ = "nnunet"

    def __call__(
        self,
        *,
        in_channels: int = 1,
        classes: int = 2,
        dims: int = 2,
        variant: str = "PlainConvUNet",
        deep_supervision: bool | int = False,
        n_stages: int = 5,
        **settings: Any,
    ) -> nn.Module:
        """A network with fresh weights, drawn as nnU-Net draws them.

        Args:
            in_channels: channels of the image.
            classes: output channels: one for each label and the background, or one for each region.
            dims: 2 or 3.
            variant: one of `NETWORKS`.
            deep_supervision: whether the outputs of all resolutions are returned, the full resolution first.
            n_stages: number of resolutions.
            **settings: `arch_kwargs` of the plans; by default 32 features doubled at each stage, two convolutions or
                blocks in each stage, instance normalisation and leaky ReLU.

        Raises:
            RequestError: a setting does not exist, does not fit the others, or names a class that is not in torch.nn.
        """
        if variant not in NETWORKS:
            raise unknown("variant of nnunet", variant, NETWORKS)
        if dims not in (2, 3):
            raise RequestError(f"nnunet cannot have dims={dims}: give 2 or 3 spatial axes")
        factory = NETWORKS[variant]
        parameters = inspect.signature(factory).parameters
        accepted = [name for name in parameters if name not in ("input_channels", "num_classes")]
        wrong = sorted(set(settings) - set(accepted))
        if wrong:
            raise RequestError(f"{variant} has no setting {', '.join(wrong)}: it takes {', '.join(accepted)}")
        chosen = {**defaults(variant, dims, n_stages), **settings}
        if str(chosen["conv_op"]).rpartition(".")[2] != f"Conv{dims}d":
            raise RequestError(f"conv_op={chosen['conv_op']} does not fit dims={dims}: leave it out, or change dims")
        try:
            network = factory(
                input_channels=in_channels,
                num_classes=classes,
                n_stages=n_stages,
                deep_supervision=bool(deep_supervision),
                **{name: resolved(name, value) for name, value in chosen.items()},
            )
        except (AssertionError, TypeError, ValueError, RuntimeError, IndexError, KeyError) as error:
            raise RequestError(f"nnunet's {variant} cannot be built with these settings: {error}") from error
        initialise: Any = network.initialize
        return network.apply(initialise)

    def read(self, path: str, *, trust: bool = False) -> Trained:
        """Read the network of a results folder, for `--arch nnunet:FOLDER`; see `robustq_nnunet.results.read_results`.

        Args:
            path: the folder.
            trust: without effect, because nothing in these folders is executed.

        Raises:
            RequestError: nnU-Net is not installed, or the folder cannot be used.
        """
        try:
            from robustq_nnunet.results import read_results
        except ModuleNotFoundError as error:
            raise _missing("reading a results folder of nnU-Net", error) from error
        return read_results(path)

    def prepare(self, case: Case, plan: Mapping[str, Any]) -> Case:
        """Prepare a stored case as nnU-Net's plans say; see `robustq_nnunet.prepared.prepared`.

        Args:
            case: a stored case.
            plan: `plan` of the preparation.

        Raises:
            RequestError: nnU-Net is not installed, or the plan is not one that `read` gives.
            CaseError: the case cannot be prepared.
        """
        try:
            from robustq_nnunet.prepared import prepared
        except ModuleNotFoundError as error:
            raise _missing("preparing a case as nnU-Net does", error) from error
        try:
            return prepared(case, plan)
        except (KeyError, TypeError, IndexError, AttributeError) as error:
            raise RequestError(
                f"the plan of the preparation is not as nnU-Net writes it: {type(error).__name__} {error}: create the "
                "bundle again"
            ) from error


def _missing(work: str, error: ModuleNotFoundError) -> RequestError:
    from robustq.requirements import pip_line

    return RequestError(f"{work} needs the library {error.name}: {pip_line('nnunetv2')}")


nnunet = NnunetArchitecture()
"""nnU-Net's own networks, fresh or, by nnunet:FOLDER, as nnU-Net has trained them."""
