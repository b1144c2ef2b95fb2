"""The command `python -m robustq_nnunet`, which prints the folder for nnU-Net's variable nnUNet_extTrainer."""

import sys
from pathlib import Path

sys.stdout.write(f"{Path(__file__).parent / 'trainers'}\n")
