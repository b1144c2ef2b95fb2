"""The spec: what a bundle says about its model besides the weights."""

from dataclasses import dataclass, fields, replace
from typing import Any

from robustq.data.preparation import Preparation
from robustq.dataset import AbstractDataset
from robustq.errors import RequestError, unknown
from robustq.model.bottleneck import SKIPS
from robustq.network.output_masks import count_labels
from robustq.request.quantise import Quantise

VERSION = 1

HEADER = "robustq"
"""Entry of a bundle's header that holds the spec."""

BOUNDED = (
    "its outputs lie in [0, 1], as after a sigmoid or softmax, and are read as {answer} scores before it: wrap it with "
    "--answer probabilities if they are probabilities"
)
"""Remark on a model whose answer was not given and whose outputs all lie in [0, 1]."""

NO_SITE = ""
"""Site of a network in which nothing is inserted and no bottleneck is known. Its scores stand in for an embedding."""

VARYING = (
    "its answer to an image varies from pass to pass, because the network draws random numbers or remembers earlier "
    "images"
)
"""Remark on a model whose network answers the same image differently in evaluation mode."""

MIXING = (
    "its answer to an image depends on the other images of a batch, and so do the figures: give batch size 1 to show "
    "it one image at a time"
)
"""Remark on a model whose network answers an image differently beside other images."""

CALIBRATED = "its codebook was calibrated by k-means, not trained"
"""Remark on a calibrated model; `TRAINED_ON` takes its place once the codebook is trained."""

CHANGED = "the network's code is not that which was wrapped"
"""Remark on a model whose bundle was loaded into a network with other code than the wrapped one; the weights fit."""

TRAINED_ON = "its codebook was calibrated by k-means, then trained"

GIVEN = "as they were when the network was given"
"""Where the weights of a network given by hand come from, as far as is known."""

_ENTRIES = {"digest": "code"}
"""Attributes whose entry in the header has another name, so that bundles of earlier versions can be read."""

_ADDED = (
    *("multiple", "weights", "weights_cases", "weights_validation", "code", "calibration_cases", "fresh", "head"),
    "prior",
)
"""Entries that bundles of the first versions do not have; the defaults hold there."""

_LATER = ("calibration_cases", "fresh", "prior")
"""Entries that are written only where they say something."""

_ATTRIBUTES = {entry: attribute for attribute, entry in _ENTRIES.items()}


@dataclass(frozen=True)
class Spec:
    """How to rebuild a segmenter, prepare cases for it and read its answers.

    Attributes:
        architecture: registered name of the architecture, or None for a network given by hand.
        arguments: settings of the architecture, JSON values.
        quantise: the quantiser with its sizes and settings.
        site: dotted name of the module that is cut; `NO_SITE` where there is none.
        skips: whether the skips are kept, dropped or quantised too.
        dims: number of spatial axes.
        in_channels: number of image channels.
        classes: number of output channels, background included.
        answer: how outputs become masks.
        preparation: what is done to a case before the model sees it.
        seed: the seed that drew the weights; after a training, the training seed.
        training: facts about the training (epochs, cases, Dice); None for an untrained model.
        remarks: sentences that are shown wherever the model appears.
        weights: where the network's weights came from, if they were not trained here; "" otherwise.
        weights_cases: fingerprints of the cases that those weights were trained on; None where that is not known.
        weights_validation: fingerprints of the cases that chose the epoch of those weights, as far as that is known.
        calibration_cases: fingerprints of the cases that the codebook was fitted to without training.
        digest: digest of the code of a network given by hand (`code_digest`); "" for a named architecture.
        fresh: digest of the weights as they were drawn at wrapping (`weights_digest`); "" where they were not drawn
            here.
        head: key or place of the answer in the network's output; None where it is found by its size.
        multiple: image extents must be multiples of this; `Segmenter.run` pads the others.
        prior: facts about the training of the prior over codes (how, cases, nats); None for a model without one.
    """

    architecture: str | None
    quantise: Quantise
    site: str
    dims: int
    in_channels: int
    classes: int
    answer: str
    preparation: Preparation
    arguments: tuple[tuple[str, Any], ...] = ()
    skips: str = "keep"
    seed: int = 0
    training: dict[str, Any] | None = None
    remarks: tuple[str, ...] = ()
    weights: str = ""
    weights_cases: tuple[str, ...] | None = None
    weights_validation: tuple[str, ...] = ()
    calibration_cases: tuple[str, ...] = ()
    digest: str = ""
    fresh: str = ""
    multiple: int = 1
    head: int | str | None = None
    prior: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        if self.skips not in SKIPS:
            raise unknown("skips", self.skips, SKIPS)
        if self.answer != "probabilities":
            expected = count_labels(self.classes, self.answer)
            named = len(self.preparation.labels)
            if named != expected:
                names = ", ".join(name for _, name in self.preparation.labels)
                raise RequestError(
                    f"{self.classes} output channels with answer={self.answer} answer for {expected} labels, and "
                    f"{named} labels are named ({names}): change classes (--classes) or the labels (--labels)"
                )

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the labels, in the order of the masks."""
        return tuple(name for _, name in self.preparation.labels)

    @property
    def training_seed(self) -> int | None:
        """The seed of the training; None for a model that was not trained here."""
        return self.seed if self.training else None

    @property
    def remarks_once_trained(self) -> tuple[str, ...]:
        """The remarks that hold after a training: without `CHANGED` if fresh weights were trained with the new code."""
        fresh = self.training is None and self.weights in ("", GIVEN)
        remarks = [remark for remark in self.remarks if not (fresh and remark == CHANGED)]
        return tuple(TRAINED_ON if remark == CALIBRATED else remark for remark in remarks)

    @property
    def seen(self) -> frozenset[str]:
        """Fingerprints of all cases that the model's weights were trained on or its codebook or prior was fitted to, as
        far as that is known."""
        return self._cases("training_cases") | frozenset(self.weights_cases or ()) | frozenset(self.calibration_cases)

    @property
    def chose(self) -> frozenset[str]:
        """Fingerprints of all cases that chose an epoch of the model's weights, as far as that is known."""
        return self._cases("validation_cases") | frozenset(self.weights_validation)

    def _cases(self, kind: str) -> frozenset[str]:
        """The cases of that kind in the facts about the training of the model and of its prior."""
        return frozenset(case for facts in (self.training, self.prior) for case in (facts or {}).get(kind, ()))

    @property
    def status(self) -> tuple[str, ...]:
        """What a reader must know wherever the model appears: untrained, or altered after training."""
        if self.weights:
            cases_known = self.weights_cases is not None
            cases = (
                f"trained on {len(self.weights_cases or ())} cases" if cases_known else "on which cases is not known"
            )
            origin = f"network's weights: {self.weights}, {cases}"
        else:
            origin = "untrained: its weights are random"
        untrained = () if self.training and not self.weights else (origin,)
        return untrained + self.remarks

    def to_dict(self) -> dict[str, Any]:
        """The spec as JSON values only."""
        entries = {_ENTRIES.get(field.name, field.name): getattr(self, field.name) for field in fields(self)}
        # A run of an earlier version goes on only if its models say what they said then.
        entries = {name: value for name, value in entries.items() if value or name not in _LATER}
        if self.calibration_cases:
            entries["calibration_cases"] = list(self.calibration_cases)
        if self.head is None:  # then earlier versions read the bundle, and their runs can be resumed
            del entries["head"]
        return {
            **entries,
            "version": VERSION,
            "quantise": str(self.quantise),
            "arguments": dict(self.arguments),
            "remarks": list(self.remarks),
            "weights_cases": None if self.weights_cases is None else list(self.weights_cases),
            "weights_validation": list(self.weights_validation),
            "preparation": self.preparation.to_dict(),
        }

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> "Spec":
        """Rebuild a spec from what `to_dict` gave.

        Raises:
            RequestError: another version wrote it, or entries are missing or unknown.
        """
        document = dict(document)
        version = document.pop("version", None)
        if version != VERSION:
            raise RequestError(f"its spec has version {version}, this robustq reads {VERSION}: update robustq")
        defaults = {_ENTRIES.get(field.name, field.name): field.default for field in fields(cls)}
        document = {entry: defaults[entry] for entry in _ADDED} | document
        if set(document) != set(defaults):
            differing = ", ".join(sorted(set(document) ^ set(defaults)))
            raise RequestError(
                f"its spec does not have exactly the entries of version {VERSION} (it differs in {differing}): make "
                "the bundle again"
            )
        cases = document["weights_cases"]
        return cls(
            **{
                **{_ATTRIBUTES.get(entry, entry): value for entry, value in document.items()},
                "quantise": Quantise.parse(document["quantise"]),
                "arguments": tuple(document["arguments"].items()),
                "remarks": tuple(document["remarks"]),
                "weights_cases": None if cases is None else tuple(cases),
                "weights_validation": tuple(document["weights_validation"]),
                "calibration_cases": tuple(document["calibration_cases"]),
                "preparation": Preparation.from_dict(document["preparation"]),
            }
        )

    def but(self, **changes: Any) -> "Spec":
        """A copy with some entries changed."""
        return replace(self, **changes)


def adopt_labels(spec: Spec, dataset: AbstractDataset) -> Spec:
    """The spec with the label names and mask values of a dataset, if the spec's names are the default numbers.

    Raises:
        RequestError: the dataset declares another number of labels.
    """
    declared = dataset.labels
    ignore = spec.preparation.ignore if dataset.ignore is None else dataset.ignore
    if ignore != spec.preparation.ignore:
        spec = spec.but(preparation=replace(spec.preparation, ignore=ignore))
    numbered = all(str(value) == name for value, name in spec.preparation.labels)
    if declared is None or not numbered:
        return spec
    if len(declared) != len(spec.preparation.labels):
        raise RequestError(
            f"{dataset.name} declares {len(declared)} labels ({', '.join(declared.values())}), the model answers for "
            f"{len(spec.preparation.labels)}: wrap it with --classes {len(declared) + spec.classes - len(spec.labels)}"
        )
    return spec.but(preparation=replace(spec.preparation, labels=tuple(sorted(declared.items()))))
