"""The trainer that trains a wrapped network in nnU-Net."""

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


class nnUNetTrainerRobustq(nnUNetTrainer):  # type: ignore[misc]  # noqa: N801 - nnU-Net has no types; its trainers have such names
    """nnU-Net's training of its own network, with a quantised bottleneck.

    First `export nnUNet_extTrainer=$(python -m robustq_nnunet)`, then `nnUNetv2_train DATASET CONFIGURATION FOLD -tr
    nnUNetTrainerRobustq`; prediction needs the same variable. The loss is nnU-Net's loss plus the quantiser's, with
    weight 1. At the end, the trainer writes `checkpoint_final.safetensors` next to nnU-Net's checkpoint; this is a
    bundle for every robustq command. For other settings, derive a class in your own folder and add this folder to
    nnUNet_extTrainer.
    """

    quantise: ClassVar[str] = "1024x256"
    """Quantiser and its size, as in `--quantise`; identity:256 trains the matched baseline."""

    skips: ClassVar[str] = "keep"

    # It is a class method, because nnU-Net calls it on the class when it predicts.
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
        """The wrapped network itself, without what nnU-Net puts around it."""
        network = self.network.module if self.is_ddp else self.network
        model: Segmenter = getattr(network, "_orig_mod", network)
        return model

    def set_deep_supervision_enabled(self, enabled: bool) -> None:
        """Turn deep supervision on for training, and off for validation."""
        _supervise(self.segmenter, enabled)

    def _build_loss(self) -> nn.Module:
        return QuantisedLoss(super()._build_loss(), self.segmenter)

    def on_train_start(self) -> None:
        """Refuse plans that a bundle cannot hold before anything is trained, then start as nnU-Net does."""
        planned(self.plans_manager, self.configuration_manager, self.dataset_json)
        super().on_train_start()

    def on_train_end(self) -> None:
        """End the training as nnU-Net does, then write the bundle."""
        super().on_train_end()
        if self.local_rank == 0 and not self.disable_checkpointing:
            self._save_bundle(join(self.output_folder, BUNDLE))

    def _save_bundle(self, path: str) -> None:
        translated = planned(self.plans_manager, self.configuration_manager, self.dataset_json)
        model = self.segmenter
        model.spec = model.spec.but(
            answer=translated.answer,
            preparation=translated.preparation,
            remarks=translated.remarks,
            weights=f"trained by {type(self).__name__} on {self.plans_manager.dataset_name}, fold {self.fold}",
        )
        model.save(path)


def _supervise(model: Segmenter, enabled: bool) -> None:
    # The networks have all their heads and read this switch in each pass, so the spec does not store it.
    model.network.decoder.deep_supervision = enabled  # type: ignore[union-attr]  # both networks have a decoder
