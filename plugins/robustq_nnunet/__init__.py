"""nnU-Net: its networks by name, its results folders as trained networks, and a trainer inside it.

`export nnUNet_extTrainer=$(python -m robustq_nnunet)` lets nnU-Net find the trainer.
"""
