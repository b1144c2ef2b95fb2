"""What is known of cases that foreign weights were trained on."""

from robustq.data.open_dataset import Data, as_dataset
from robustq.errors import RequestError
from robustq.model.spec import Spec


def seen_in_training(spec: Spec, data: Data) -> Spec:
    """The spec of a model whose weights were trained elsewhere, on these cases.

    Args:
        spec: spec of the model, with weights that robustq did not train.
        data: the cases: a dataset, data in memory, or the text of `--data`.

    Raises:
        RequestError: the weights are fresh or were trained here, so that it is known what they have seen.
    """
    if not spec.weights:
        raise RequestError(
            "--trained-on says what foreign weights were trained on, and this model has none: give its checkpoint too, "
            "--weights FILE"
        )
    dataset = as_dataset(data)
    fingerprints = {dataset.fingerprint(entry) for entry in dataset.entries}
    return spec.but(weights_cases=tuple(sorted({*(spec.weights_cases or ()), *fingerprints})))
