"""What a stored case says beside the values of its image, as a short digest."""

from hashlib import sha256

import torch

from robustq.dataset import Case


def case_digest(case: Case) -> str:
    """Sixteen hexadecimal digits that depend on the mask, intensity range and spacing of a stored case.

    A dataset's fingerprint depends on the image alone. This digest tells whether an answer to the same image would be
    scored against another mask, or would be perturbed within another range.
    """
    digest = sha256(f"{case.intensity_range.double().tolist()} {[*case.spacing]} {case.unit}".encode())
    if case.mask is not None:
        mask = case.mask.to(torch.int32)
        narrow = mask.to(torch.uint8)  # masks hold few labels, and a quarter of the bytes is hashed faster
        mask = narrow if torch.equal(narrow.to(torch.int32), mask) else mask
        digest.update(f"{mask.dtype} {[*mask.shape]}".encode())
        digest.update(mask.contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]
