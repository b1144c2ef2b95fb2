"""What nnU-Net imports from the folder that nnUNet_extTrainer names: everything in it, so this is all it holds."""

from robustq_nnunet.trainer import nnUNetTrainerRobustq as nnUNetTrainerRobustq
