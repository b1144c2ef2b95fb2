"""Adds to each model with a prior over codes its variant whose codes are chosen by distance and prior together."""

from dataclasses import replace

from robustq.errors import RequestError
from robustq.latent.map_quantiser import MapQuantiser
from robustq.model.bottleneck import Bottleneck
from robustq.model.segmenter import Segmenter
from robustq.network.separate_copy import separate_copy
from robustq.run.subjects import Subjects

SUFFIX = "@map"
"""What follows the name of a model in the name of its variant."""

REMARK = "its codes are chosen by distance and prior together (--decode map, λ = 1), one after another"
"""Remark on a variant, which is shown wherever the variant appears."""


def with_map_variants(subjects: Subjects) -> Subjects:
    """The subjects, with the variant of each model that has a prior after the model itself.

    Raises:
        RequestError: no model has a prior, or a model has the name of a variant.
    """
    with_prior = [name for name, model in subjects.models.items() if model.prior is not None]
    if not with_prior:
        raise RequestError(
            "none of the models has a prior over its codes, which decode=map (--decode map) needs: train one with "
            "robustq train --prior joint, or fit one to a trained model with --prior after"
        )
    if clash := {name + SUFFIX for name in with_prior} & set(subjects.models):
        raise RequestError(f"{min(clash)} would name a model and a variant of another (--decode map): rename the model")
    models: dict[str, Segmenter] = {}
    for name, model in subjects.models.items():
        models[name] = model
        if name in with_prior:
            models[name + SUFFIX] = map_variant(model)
    return replace(subjects, models=models)


def map_variant(model: Segmenter) -> Segmenter:
    """A copy of a model with a prior, whose codes at the bottleneck are chosen by distance and prior together."""
    variant = separate_copy(model, {}, share=True)
    bottleneck = variant.bottlenecks[-1]
    assert isinstance(bottleneck, Bottleneck), "every quantiser stands in a bottleneck"
    assert variant.prior is not None, "the caller checked it"
    bottleneck.quantiser = MapQuantiser(bottleneck.quantiser, variant.prior).train(variant.training)
    variant.spec = variant.spec.but(remarks=(*variant.spec.remarks, REMARK))
    return variant
