"""Reads the folders in which transformers keeps a semantic segmentation network."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from transformers import CONFIG_MAPPING
from transformers.utils import logging

from robustq.errors import RequestError
from robustq.model.pretrained import Trained, read_json
from robustq.network.output_masks import count_labels, default_answer
from robustq_hf.networks import NETWORKS, Resized
from robustq_hf.processing import prepared

WEIGHTS = ("model.safetensors", "pytorch_model.bin")

ABOUT_THE_FILE = (
    *("architectures", "dtype", "torch_dtype", "transformers_version", "_name_or_path", "quantization_config"),
    *("id2label", "label2id", "num_labels", "num_channels", "model_type"),
)
"""Entries of a configuration that say nothing more about the network, or that robustq keeps elsewhere."""

BACKGROUND = ("background", "0")
"""Names of a first class that is the background."""


def read_saved(folder: Path) -> Trained:
    """Read the network, its labels and the preparation of its cases.

    Args:
        folder: the folder, with config.json, the weights and, where the framework wrote it, preprocessor_config.json.

    Raises:
        RequestError: files are missing or cannot be used, or the folder brings code of its own.
    """
    framework = "save_pretrained of transformers"
    config = read_json(folder / "config.json", framework)
    processor = folder / "preprocessor_config.json"
    processing = read_json(processor, framework) if processor.exists() else {}
    for file, document in ((folder / "config.json", config), (processor, processing)):
        if _has_code(document):
            raise RequestError(
                f"{file} has an entry auto_map, which names code in the folder, and robustq does not run it: load the "
                "network in a file of your own, and give it with --model-file FILE.py:FUNCTION"
            )
    kind = config.get("model_type")
    if kind not in NETWORKS:
        raise RequestError(
            f"{folder} holds a network of the kind {kind!r}, which gives no score for each pixel: give one of "
            f"{', '.join(NETWORKS)}"
        )
    names = _class_names(config)
    answer = default_answer(len(names))
    scored = names[len(names) - count_labels(len(names), answer) :]
    labels = tuple(enumerate(scored, start=1))
    channels = _channels(config)
    preparation, remarks, unsaid = prepared(processing, channels=channels, labels=labels)
    if len(scored) < len(names) and names[0] not in BACKGROUND:
        remarks = (*remarks, f"its first class, {names[0]}, is read as the background, so it is not scored")
    return Trained(
        architecture="hf",
        arguments={"model_type": kind, **_known(config)},
        dims=2,
        in_channels=channels,
        classes=len(names),
        answer=answer,
        preparation=preparation,
        checkpoint=_weights(folder),
        remarks=remarks,
        unsaid=unsaid,
        translate=named_as_in_the_network,
    )


def named_as_in_the_network(network: nn.Module, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a checkpoint under the names of a network's modules, which transformers changes between versions.

    Args:
        network: the network as `HfArchitecture` builds it.
        state: tensors as `save_pretrained` wrote them.
    """
    assert isinstance(network, Resized), "HfArchitecture builds no other network"
    model: Any = network.model
    level = logging.get_verbosity()
    bars = logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        # Without a folder, the library reads no file; it gives the tensors their names and fills a network with them.
        filled, info = type(model).from_pretrained(
            None,
            config=model.config,
            state_dict=dict(state),
            ignore_mismatched_sizes=True,
            output_loading_info=True,
        )
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
    wrong = {*info["missing_keys"], *(entry[0] for entry in info["mismatched_keys"])}
    named = {f"model.{name}": tensor for name, tensor in filled.state_dict().items() if name not in wrong}
    return named | {name: state[name] for name in info["unexpected_keys"] if name in state}


def _has_code(document: Mapping[str, Any]) -> bool:
    """Whether a configuration, or one inside it, names code in the folder."""
    return "auto_map" in document or any(_has_code(value) for value in document.values() if isinstance(value, Mapping))


def _known(config: Mapping[str, Any]) -> dict[str, Any]:
    """The entries that the library's own configuration of this kind has, also for the configurations inside it.

    Entries that choose how the network is computed, such as a kernel to be fetched, are not among them.
    """
    kind = config["model_type"]
    if kind not in CONFIG_MAPPING:
        raise RequestError(f"config.json names a network of the kind {kind!r}, which transformers does not have")
    own = CONFIG_MAPPING[kind]().to_dict()
    return {
        name: {"model_type": value["model_type"], **_known(value)}
        if isinstance(value, dict) and "model_type" in value
        else value
        for name, value in config.items()
        if (name in own or name == "backbone") and name not in ABOUT_THE_FILE
    }


def _class_names(config: Mapping[str, Any]) -> list[str]:
    """The names of the classes in the order of the output channels."""
    named = config.get("id2label", {"0": "background", "1": "1"})  # two classes are transformers' default
    try:
        return [str(named[str(number)]).removeprefix("LABEL_") for number in range(len(named))]
    except (KeyError, TypeError) as error:
        raise RequestError(
            "id2label in config.json does not name the classes 0, 1, 2 and so on: correct it, as transformers writes it"
        ) from error


def _channels(config: Mapping[str, Any]) -> int:
    """The number of image channels, which some kinds of network have in the configuration of their backbone."""
    for document in (config, config.get("backbone_config") or {}):
        default = CONFIG_MAPPING[document["model_type"]]() if document.get("model_type") in CONFIG_MAPPING else None
        channels = document.get("num_channels", getattr(default, "num_channels", None))
        if isinstance(channels, int):
            return channels
    return 3


def _weights(folder: Path) -> Path:
    """The file of the weights."""
    for name in WEIGHTS:
        if (folder / name).is_file():
            return folder / name
    several = sorted(file.name for file in folder.glob("*.index.json"))
    raise RequestError(
        f"the weights in {folder} are spread over several files ({several[0]}): save the network into one, with "
        "save_pretrained(FOLDER, max_shard_size='50GB')"
        if several
        else f"there is no {' or '.join(WEIGHTS)} in {folder}: give a folder that save_pretrained wrote"
    )
