"""The trainer for nnU-Net, which imports every file in this folder; so the folder holds only this file."""

from robustq_nnunet.trainer import nnUNetTrainerRobustq as nnUNetTrainerRobustq
