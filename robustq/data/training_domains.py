"""In which domains of a dataset models were trained."""

from collections.abc import Mapping, Set

from robustq.dataset import AbstractDataset


def training_domains(dataset: AbstractDataset, seen: Mapping[str, Set[str]]) -> dict[str, dict[str, int]]:
    """By model and domain, how many of the cases that the model was trained on belong to the domain.

    Looks at every case of the dataset, also at those that a run leaves out. Where the dataset has one domain, or none,
    there is nothing to tell apart: no file is read and nothing counted.

    Args:
        dataset: with the domains.
        seen: by model, the fingerprints of the cases that it was trained on.
    """
    counts: dict[str, dict[str, int]] = {model: {} for model in seen}
    if len({entry.domain for entry in dataset.entries}) < 2 or not any(seen.values()):
        return counts
    for entry in (*dataset.entries, *dataset.unlisted):
        fingerprint = dataset.fingerprint(entry)
        for model, cases in seen.items():
            if fingerprint in cases:
                counts[model][entry.domain] = counts[model].get(entry.domain, 0) + 1
    return counts
