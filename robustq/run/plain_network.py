"""Makes a model of a plain network, so that it can be measured as it is."""

from dataclasses import replace

from torch import Tensor, nn

from robustq.data.in_memory import InMemoryDataset
from robustq.data.network_input import network_input
from robustq.data.preparation import RGB, Preparation
from robustq.data.slices import to_slices
from robustq.dataset import AbstractDataset, Case
from robustq.errors import CaseError, RequestError
from robustq.model.segmenter import Segmenter
from robustq.model.windows import windows_of
from robustq.model.wrap import wrap
from robustq.network.first_convolution import first_convolution
from robustq.network.output_masks import count_labels, default_answer, full_resolution, numbered_labels
from robustq.network.plain_module import require_values
from robustq.network.run_network import run_plain


def model_of(network: nn.Module, name: str, dataset: AbstractDataset, preparation: Preparation | None) -> Segmenter:
    """The network with nothing inserted (`none`). It is wrapped itself, so give a copy.

    Args:
        network: a network that maps images (B, C, *S) to class scores.
        name: name of the model, for messages.
        dataset: the data that the network is shown; its first case serves as the example.
        preparation: what is done to a case before the network sees it. Without one, data in memory are taken as they
            are; for other data it must be given.

    Raises:
        RequestError: no preparation is given for data that are not in memory, no case can be read, or the network does
            not run on the first case.
    """
    require_values(network)
    if preparation is None and not isinstance(dataset, InMemoryDataset):
        raise RequestError(
            f"{name} is a plain network, and nothing says how the cases of {dataset.name} are prepared for it: give "
            "preparation=robustq.Preparation(...)"
        )
    case = _first_case(dataset)
    prepared_alike = preparation or Preparation(dims=case.dims, channels=len(case.image), normalise="none")
    example = _example(prepared_alike(replace(case, mask=None)))
    windows = windows_of(prepared_alike)
    if windows is not None:
        example = next(windows.batches(example, batch_size=1))
    example = network_input(example, prepared_alike)
    _refuse_grey(network, example)
    if preparation is None:
        classes = full_resolution(run_plain(network, example), example.shape[2:]).shape[1]
        labels = numbered_labels(count_labels(classes, default_answer(classes)))
        prepared_alike = replace(prepared_alike, labels=labels)
    return wrap(network, "none", example=example, preparation=prepared_alike, copy=False)


def model_for_case(network: nn.Module, case: Case) -> Segmenter:
    """The network with nothing inserted (`none`), for one case that is prepared already. It is wrapped itself.

    Args:
        network: a network that maps images (B, C, *S) to class scores.
        case: the prepared case.

    Raises:
        RequestError: the network does not run on the case, or answers for another number of labels.
    """
    require_values(network)
    preparation = Preparation(
        dims=case.dims if case.slice_axis is None else 2,
        channels=len(case.image),
        normalise="none",
        labels=tuple(enumerate(case.labels, start=1)),
    )
    example = _example(case)
    _refuse_grey(network, example)
    return wrap(network, "none", example=example, preparation=preparation, copy=False)


def _refuse_grey(network: nn.Module, example: Tensor) -> None:
    """Refuse an example of one channel on which a network does not run, if it runs on three such channels."""
    if example.shape[1] > 1:
        return
    try:
        run_plain(network, example)
    except RequestError as error:
        if first_convolution(network)[0] not in (None, example.ndim - 2):
            raise  # a 3D network may take three channels for three slices
        try:
            run_plain(network, example.expand(-1, RGB, *example.shape[2:]))
        except RequestError:
            raise error from None
        raise RequestError(
            "the images have one channel, and the network takes three: give "
            "preparation=robustq.Preparation(channels=3, grey_to_rgb=True, ...), or wrap the network with it"
        ) from error


def _first_case(dataset: AbstractDataset) -> Case:
    """The first case that can be read."""
    reasons = []
    for entry in dataset.entries:
        try:
            return dataset.read(entry)
        except CaseError as error:
            reasons.append(f"{entry.id}: {error}")
    raise RequestError(f"none of the {len(reasons)} cases of {dataset.name} can be used; {reasons[0]}")


def _example(case: Case) -> Tensor:
    """One image (1, C, *S) of a prepared case, or one slice where the network reads volumes slice by slice."""
    return case.image[None] if case.slice_axis is None else to_slices(case.image, case.slice_axis)[:1]
