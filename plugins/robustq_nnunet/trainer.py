"""The wrapped network, trained inside nnU-Net."""

from os.path import join
from typing import ClassVar

import torch
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from nnunetv2.utilities.plans_handling.plans_handler import ConfigurationManager, PlansManager
from torch import nn

from robustq.model.segmenter import Segmenter
from robustq.model.wrap import wrap
from robustq.training.loss import QuantisedLoss
from robustq_nnunet.planned import network_arguments, planned
from robustq_nnunet.results import BUNDLE


class nnUNetTrainerRobustq(nnUNetTrainer):  # type: ignore[misc]  # noqa: N801 - nnU-Net's library has no types; its trainers are called so
    """nnU-Net's own training of its own network with a quantised bottleneck.

    `export nnUNet_extTrainer=$(python -m robustq_nnunet)`, then `nnUNetv2_train DATASET CONFIGURATION FOLD -tr
    nnUNetTrainerRobustq`; prediction finds it the same way. The loss is nnU-Net's with the quantiser's added, weight 1.
    At the end `checkpoint_final.safetensors` stands beside nnU-Net's checkpoint: a bundle for every robustq command.
    For other settings derive a class in a folder of your own and add that to nnUNet_extTrainer.
    """

    quantise: ClassVar[str] = "1024x256"
    """As `--quantise` takes it; identity:256 trains the matched baseline."""

    skips: ClassVar[str] = "keep"

    # A class method, for nnU-Net calls it on the class to predict.
    @classmethod
    def build_network_architecture(
        cls,
        plans_manager: PlansManager,
        configuration_manager: ConfigurationManager,
        num_input_channels: int,
        num_output_channels: int,
        enable_deep_supervision: bool = True,
    ) -> nn.Module:
        """The network of the plans, wrapped."""
        model = wrap(
            "nnunet",
            cls.quantise,
            dims=len(configuration_manager.patch_size),
            in_channels=num_input_channels,
            classes=num_output_channels,
            skips=cls.skips,
            seed=int(torch.randint(2**31, ())),
            **network_arguments(configuration_manager),
        )
        _supervise(model, enable_deep_supervision)
        return model

    @property
    def segmenter(self) -> Segmenter:
        """The wrapped network, out of what nnU-Net puts around it."""
        network = self.network.module if self.is_ddp else self.network
        model: Segmenter = getattr(network, "_orig_mod", network)
        return model

    def set_deep_supervision_enabled(self, enabled: bool) -> None:
        """On in training, off in validation."""
        _supervise(self.segmenter, enabled)

    def _build_loss(self) -> nn.Module:
        return QuantisedLoss(super()._build_loss(), self.segmenter)

    def on_train_end(self) -> None:
        """nnU-Net's own end, and the bundle."""
        super().on_train_end()
        if self.local_rank == 0 and not self.disable_checkpointing:
            self._save_bundle(join(self.output_folder, BUNDLE))

    def _save_bundle(self, path: str) -> None:
        found = planned(self.plans_manager, self.configuration_manager, self.dataset_json)
        model = self.segmenter
        model.spec = model.spec.but(
            answer=found.answer,
            preparation=found.preparation,
            remarks=found.remarks,
            weights=f"trained by {type(self).__name__} on {self.plans_manager.dataset_name}, fold {self.fold}",
        )
        model.save(path)


def _supervise(model: Segmenter, enabled: bool) -> None:
    # The networks keep all their heads and read this switch in each pass, so that the spec need not know of it.
    model.network.decoder.deep_supervision = enabled  # type: ignore[union-attr]  # both networks have a decoder
