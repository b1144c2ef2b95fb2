"""Counts in which domains of a dataset models were trained."""

from collections.abc import Mapping, Set

from robustq.dataset import AbstractDataset


def training_domains(dataset: AbstractDataset, seen: Mapping[str, Set[str]]) -> dict[str, dict[str, int]]:
    """Model -> domain -> number of cases of the domain that the model was trained on.

    Looks at every case of the dataset, also at cases that a run leaves out. If the dataset has fewer than two domains,
    no file is read and nothing is counted.

    Args:
        dataset: the dataset with the domains.
        seen: model -> fingerprints of the cases that it was trained on.
    """
    counts: dict[str, dict[str, int]] = {model: {} for model in seen}
    if len({entry.domain for entry in dataset.entries}) < 2 or not any(seen.values()):
        return counts
    for entry in (*dataset.entries, *dataset.unlisted):
        fingerprint = dataset.fingerprint(entry)
        for model, fingerprints in seen.items():
            if fingerprint in fingerprints:
                counts[model][entry.domain] = counts[model].get(entry.domain, 0) + 1
    return counts
