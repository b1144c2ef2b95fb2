"""nnU-Net's networks by name, its results folders as trained networks, and a trainer for use in nnU-Net.

nnU-Net finds the trainer after `export nnUNet_extTrainer=$(python -m robustq_nnunet)`.
"""
