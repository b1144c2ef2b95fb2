"""What goes into a network, and what comes out of it."""

from dataclasses import dataclass, replace

from robustq.data.preparation import Preparation
from robustq.errors import RequestError
from robustq.network.output_masks import count_labels, default_answer, numbered_labels


@dataclass(frozen=True)
class Interface:
    """What goes into a network, and what comes out of it.

    Attributes:
        dims: number of spatial axes.
        in_channels: number of image channels.
        classes: number of output channels, background included.
        answer: how outputs become masks.
        preparation: what is done to a case before the network sees it.
    """

    dims: int
    in_channels: int
    classes: int
    answer: str
    preparation: Preparation

    @classmethod
    def settled(
        cls,
        dims: int | None,
        in_channels: int | None,
        classes: int | None,
        answer: str | None,
        preparation: Preparation | None,
    ) -> "Interface":
        """The interface with a value for everything that is None: from the preparation where it says it, else 2D images
        with one channel, two output channels, and min-max normalisation. Labels that nobody has named are numbered.

        Raises:
            RequestError: the preparation is for other images than the network, or the answer does not exist.
        """
        if dims is None:
            dims = 2 if preparation is None else preparation.dims
        if in_channels is None:
            in_channels = 1 if preparation is None else preparation.channels
        if preparation is None:
            preparation = Preparation(dims=dims, channels=in_channels)
        classes = 2 if classes is None else classes
        answer = default_answer(classes) if answer is None else answer
        if preparation.labels == Preparation.labels:  # nobody has named them
            preparation = replace(preparation, labels=numbered_labels(count_labels(classes, answer)))
        if (preparation.dims, preparation.channels) != (dims, in_channels):
            raise RequestError(
                f"the preparation is for {preparation.channels} channels in {preparation.dims}D, the network for "
                f"{in_channels} in {dims}D: make them equal"
            )
        return cls(dims, in_channels, classes, answer, preparation)
