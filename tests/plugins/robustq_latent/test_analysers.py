"""What analysers find, against all draws stored, against enumeration, and on models that are dead by construction."""

import math
from collections.abc import Iterable

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import robustq
from networks import Strangers, noise, small
from robustq import registry
from robustq.analyser import AbstractAnalyser, Draws, Finding
from robustq.dataset import Case, Entry, own_range
from robustq.errors import RequestError
from robustq.geometry import radii, uniformity
from robustq.latent.latents import Latent, latent
from robustq.latent.tangents import tangents
from robustq.model.segmenter import Segmenter
from robustq.quantiser import AbstractQuantiser, Quantised
from robustq_latent.codebook import Codebook
from robustq_latent.latent_variance import LatentVariance
from robustq_latent.liveness import Liveness
from robustq_latent.moments import Moments
from robustq_latent.occupancy import Occupancy, label_shares
from robustq_latent.taylor import Taylor


def case(seed: int = 0, size: tuple[int, ...] = (24, 20), domain: str = "") -> Case:
    image = noise(1, *size, seed=seed)
    mask = torch.zeros(2, *size, dtype=torch.bool)
    mask[0, : size[0] // 2], mask[1, :, : size[1] // 4] = True, True
    entry = Entry(f"{domain}{seed}", f"{domain}{seed}", domain)
    return Case(image, mask, own_range(image), (1.0,) * len(size), "px", entry, ("top", "left"))


def see(model: Segmenter, images: Tensor) -> Latent:
    return latent(model, images, batch_size=4, axis=None)


def watch(analyser: AbstractAnalyser, cases: Iterable[Case], draws: int = 6, sigma: float = 0.3) -> list[Finding]:
    """Show clean cases, then draws of the first one, some at a time; what is found about the draws."""
    cases = list(cases)
    for shown in cases:
        analyser.clean(shown, see(analyser.model, shown.image[None]))
    first = cases[0]
    analyser.begin(first, see(analyser.model, first.image[None]))
    moved = noisy(first, draws, sigma)
    for start in range(0, draws, 4):
        part = moved[start : start + 4]
        predicted = None
        if analyser.needs_tangents:
            predicted = tangents(analyser.model, first.image, part - first.image, axis=None)
        analyser.observe(Draws(start, see(analyser.model, part), predicted))
    return list(analyser.end())


def noisy(shown: Case, draws: int = 6, sigma: float = 0.3) -> Tensor:
    return shown.image + sigma * noise(draws, *shown.image.shape, seed=99)


def values(findings: Iterable[Finding]) -> dict[str, float | None]:
    return {finding.metric: finding.value for finding in findings if finding.label == "" and finding.draw is None}


class Dead(AbstractQuantiser):
    """A quantiser whose codes are given by a function of the grid alone."""

    grammar = "KxD"

    def __init__(self, size: int, dimension: int, *, mode: str = "position") -> None:
        super().__init__()
        self.size, self.dimension, self.mode = size, dimension, mode
        self.codebook = torch.nn.Parameter(noise(size, dimension))

    @property
    def vectors(self) -> Tensor:
        return self.codebook[None]

    def forward(self, embedding: Tensor) -> Quantised:
        # As in the authors' published code, where the one-hot encodings are replaced by position.
        tokens = torch.arange(embedding[0, 0].numel()) % (self.size if self.mode == "position" else 1)
        codes = tokens.view(1, 1, *embedding.shape[2:]).expand(len(embedding), -1, *embedding.shape[2:])
        return Quantised(self.codebook[codes[:, 0]].movedim(-1, 1).to(embedding), codes, torch.zeros(()))


def with_quantiser(quantiser: AbstractQuantiser) -> Segmenter:
    model = small("16x4")
    model.bottlenecks[-1].quantiser = quantiser
    return model


# Liveness


def verdict(model: Segmenter, cases: Iterable[Case]) -> tuple[float | None, str]:
    analyser = Liveness(model)
    for shown in cases:
        analyser.clean(shown, see(model, shown.image[None]))
    found = next(finding for finding in analyser.findings() if finding.metric == "alive")
    return found.value, found.reason


def test_codes_replaced_by_position_are_caught() -> None:
    alive, words = verdict(with_quantiser(Dead(16, 4)), [case(0), case(1), case(2)])
    assert alive == 0
    assert "equal at every position" in words


def test_codes_replaced_by_position_are_caught_on_grids_of_different_size() -> None:
    # By row and column, so that the common corner agrees.
    alive, _ = verdict(with_quantiser(Dead(1, 4)), [case(0), case(1, size=(40, 32))])
    assert alive == 0


def test_a_collapsed_codebook_is_caught() -> None:
    alive, words = verdict(with_quantiser(Dead(16, 4, mode="one")), [case(0), case(1)])
    assert alive == 0
    assert "one code for every token" in words


@pytest.mark.parametrize("quantise", ["identity:4", "none"])
def test_a_constant_latent_is_caught(quantise: str) -> None:
    model = small(quantise)
    site = model.network.get_submodule(model.spec.site)
    # The model's own hook, which stands first, must see what ours made.
    site.register_forward_hook(
        lambda module, inputs, output: [*output[:-1], torch.full_like(output[-1], 0.3)], prepend=True
    )
    alive, words = verdict(model.eval(), [case(0), case(1)])
    assert alive == 0
    assert "constant" in words


@pytest.mark.parametrize("quantise", ["16x4", "identity:4", "none"])
def test_a_living_bottleneck_is_said_to_live(quantise: str) -> None:
    model = small(quantise)
    spread(model)
    alive, words = verdict(model, [case(0), case(1)])
    assert alive == 1
    assert words.startswith("alive")


def test_of_one_case_nothing_is_said() -> None:
    model = small()
    spread(model)
    alive, words = verdict(model, [case(0)])
    assert alive is None
    assert "one case" in words


@pytest.mark.parametrize("quantise", ["16x4", "identity:4", "none"])
def test_a_decoder_that_ignores_the_bottleneck_is_caught_although_the_codes_differ(quantise: str) -> None:
    model = robustq.wrap(Strangers(), quantise, at="down", example=noise(1, 1, 24, 20)).eval()
    spread(model)
    before = dict(model.network.down._forward_hooks)
    assert verdict(model, [case(0), case(1)])[0] == 1
    with torch.no_grad():
        model.network.up.weight.zero_()
    analyser = Liveness(model)
    for seed in (0, 1):
        analyser.clean(case(seed), see(model, case(seed).image[None]))
    found = {finding.metric: finding for finding in analyser.findings()}
    assert (found["alive"].value, found["answer_change"].value) == (0, 0)
    assert found["differ_between_images"].value > 0
    assert "the answer does not depend on the bottleneck" in found["alive"].reason
    assert dict(model.network.down._forward_hooks) == before


def test_the_change_of_the_answer_is_that_of_the_bottleneck_replaced_by_hand() -> None:
    model = robustq.wrap(Strangers(), "none", at="down", example=noise(1, 1, 24, 20)).eval()
    analyser = Liveness(model)
    image = case(0).image[None]
    analyser.clean(case(0), see(model, image))
    (found,) = [finding.value for finding in analyser.findings() if finding.metric == "answer_change"]
    with torch.no_grad():
        features = model.network.down(image)
        clean, beside = model.network(image)["out"], model.network.beside(image)
        means = features.mean((2, 3), keepdim=True).expand_as(features)
        generator = torch.Generator().manual_seed(0)
        changed = (means + means.abs().mean() + 1, features + torch.randn(features.shape, generator=generator))
        largest = max(float((model.network.up(each) + beside - clean).abs().max()) for each in changed)
    assert found == pytest.approx(largest / float(clean.abs().max()), rel=1e-5)


def spread(model: Segmenter) -> None:
    """Put the codebook of an untrained model among its embeddings, so that many codes are used."""
    if model.quantiser is not None and model.quantiser.vectors is not None:
        tokens = model.encode(case(5).image[None]).flatten(2)[0].T
        with torch.no_grad():
            model.quantiser.codebook.copy_(tokens[torch.linspace(0, len(tokens) - 1, 16).long()])


# Latent variance


@given(st.integers(0, 10**6), st.lists(st.integers(1, 7), min_size=1, max_size=6), st.sampled_from([0.0, 1e6]))
def test_running_moments_equal_those_of_all_arrays_together(seed: int, parts: list[int], offset: float) -> None:
    everything = noise(sum(parts), 3, 2, seed=seed).double() + offset
    moments = Moments()
    for part in everything.split(parts):
        moments.add(part)
    np.testing.assert_allclose(moments.mean, everything.numpy().mean(0), rtol=1e-12)
    np.testing.assert_allclose(moments.variance, everything.numpy().var(0), rtol=1e-6, atol=1e-9)
    assert (moments.low, moments.high) == (everything.min(), everything.max())


@pytest.mark.parametrize("quantise", ["16x4", "identity:4", "none"])
@pytest.mark.parametrize("size", [(24, 20), (12, 8, 10)])
def test_three_readings_and_the_flip_rate_equal_those_of_all_draws_stored(quantise: str, size: tuple[int, ...]) -> None:
    model = small(quantise, dims=len(size))
    model.quantiser is not None and model.quantiser.vectors is not None and spread_any(model, size)
    cases = [case(0, size), case(1, size), case(2, size)]
    found = values(watch(LatentVariance(model), cases))
    stored = see(model, noisy(cases[0])).quantised.double().numpy()  # (T, P, D)
    clean = np.stack([see(model, shown.image[None]).quantised[0].double().numpy() for shown in cases])
    raw = stored.var(0).mean()
    scaled = (stored - stored.min()) / (stored.max() - stored.min())
    assert found["raw"] == pytest.approx(raw, rel=1e-9)
    assert found["min-max"] == pytest.approx(scaled.var(0).mean(), rel=1e-9)
    assert found["min-max"] <= 0.25
    signal = clean.reshape(-1, clean.shape[-1]).var(0).sum()
    assert found["relative"] == pytest.approx(stored.var(0).mean(0).sum() / signal, rel=1e-9)
    if quantise == "16x4":
        codes = see(model, noisy(cases[0])).codes
        assert found["flip_rate"] == (codes != see(model, cases[0].image[None]).codes).float().mean()
        assert found["flip_rate"] > 0
    else:
        assert "flip_rate" not in found


def spread_any(model: Segmenter, size: tuple[int, ...]) -> None:
    tokens = model.encode(noise(1, 1, *size, seed=5)).flatten(2)[0].T
    with torch.no_grad():
        model.quantiser.codebook.copy_(tokens[torch.linspace(0, len(tokens) - 1, 16).long()])


def test_the_mean_of_relative_variances_is_the_ratio_of_the_sums() -> None:
    model = small("none")
    cases = [case(0), case(1)]
    analysers = [LatentVariance(model), LatentVariance(model)]
    first = values(watch(analysers[0], cases))["relative"]
    second = values(watch(analysers[1], cases[::-1]))["relative"]
    stored = np.stack([see(model, noisy(shown)).quantised.double().numpy() for shown in cases])  # (cases, T, P, D)
    clean = np.concatenate([see(model, shown.image[None]).quantised[0].double().numpy() for shown in cases])
    pooled = stored.var(1).mean((0, 1)).sum() / clean.var(0).sum()
    assert np.mean([first, second]) == pytest.approx(pooled, rel=1e-9)


def test_relative_variance_does_not_depend_on_the_scale_of_a_network_and_raw_variance_does() -> None:
    model = small("identity:4")
    before = values(watch(LatentVariance(model), [case(0), case(1)]))
    with torch.no_grad():
        for parameter in model.bottlenecks[-1].project_in.parameters():
            parameter.mul_(100)
    after = values(watch(LatentVariance(model), [case(0), case(1)]))
    assert after["raw"] == pytest.approx(1e4 * before["raw"], rel=1e-4)
    assert after["relative"] == pytest.approx(before["relative"], rel=1e-4)
    assert after["min-max"] == pytest.approx(before["min-max"], rel=1e-4)


def test_constant_latents_have_no_relative_variance_and_say_so() -> None:
    model = with_quantiser(Dead(16, 4, mode="one"))
    found = {finding.metric: finding for finding in watch(LatentVariance(model), [case(0), case(1)])}
    assert found["relative"].value is None
    assert found["relative"].reason == "constant"
    assert found["raw"].value == found["min-max"].value == 0


# Codebook


def codebook_findings(vectors: Tensor, cases: Iterable[Case] = ()) -> tuple[Codebook, list[Finding]]:
    model = small(f"{len(vectors)}x{vectors.shape[1]}")
    with torch.no_grad():
        model.quantiser.codebook.copy_(vectors)
    analyser = Codebook(model)
    for shown in list(cases) or [case(0), case(1)]:
        analyser.clean(shown, see(model, shown.image[None]))
    return analyser, list(analyser.findings())


def test_equation_3_on_a_square_by_hand() -> None:
    # Corners of a 2×2 square: each has its nearest neighbour 2 away, so r_i = 1 and r = 4·1/3.
    square = torch.tensor([[0.0, 0.0], [0.0, 2.0], [2.0, 0.0], [2.0, 2.0]])
    found = values(codebook_findings(square)[1])
    assert found["r"] == pytest.approx(4 / 3)
    assert (found["r_i_mean"], found["r_i_sd"]) == (1, 0)
    assert found["norm_mean"] == pytest.approx((0 + 2 + 2 + math.sqrt(8)) / 4)


def test_a_codebook_on_a_sphere_passes_assumption_3_and_one_in_a_corner_does_not() -> None:
    points = torch.nn.functional.normalize(noise(200, 8, seed=1), dim=1)
    even = values(codebook_findings(points)[1])
    assert even["norm_cv"] == pytest.approx(0, abs=1e-6)
    assert even["mean_direction"] < 0.15
    # Of sets of random points 95 % lie in the interval, up to what 100 draws of it and 100 sets can tell.
    inside = 0
    for seed in range(100):
        low, high = even["uniformity_sphere_low"], even["uniformity_sphere_high"]
        inside += low <= uniformity(noise(200, 8, seed=seed)) <= high
    assert 85 <= inside <= 100
    corner = values(codebook_findings(points.abs())[1])
    assert corner["uniformity"] > corner["uniformity_sphere_high"]
    assert corner["mean_direction"] > 0.7


def test_codebooks_without_neighbours() -> None:
    equal = values(codebook_findings(torch.full((5, 3), 0.5))[1])
    told = [equal[name] for name in ("r", "r_i_mean", "uniformity", "mean_direction")]
    assert told == pytest.approx([0, 0, 0, 1], abs=1e-12)
    assert (equal["codes_in_use"], equal["perplexity"]) == (1, 1)
    alone = values(codebook_findings(torch.ones(1, 3))[1])
    assert alone["r"] is None
    assert alone["r_i_mean"] == math.inf
    assert alone["uniformity"] is None


def test_use_of_the_codebook_is_counted_for_all_cases_and_for_each_domain() -> None:
    model = small("16x4")
    spread(model)
    vectors = model.quantiser.codebook.detach().clone()
    cases = [case(0, domain="A"), case(1, domain="A"), case(2, domain="B")]
    analyser, found = codebook_findings(vectors, cases)
    for domain in ("", "A", "B"):
        own = [shown for shown in cases if domain in ("", shown.entry.domain)]
        codes = torch.cat([see(analyser.model, shown.image[None]).codes.flatten() for shown in own])
        counts = np.bincount(codes, minlength=16)
        share = counts[counts > 0] / counts.sum()
        told = values(finding for finding in found if finding.domain == domain)
        assert told["codes_in_use"] == (counts > 0).sum()
        assert told["utilisation"] == (counts > 0).mean()
        assert told["perplexity"] == pytest.approx(math.exp(-(share * np.log(share)).sum()))
        assert told["r_i_used_mean"] == pytest.approx(float(radii(vectors)[torch.from_numpy(counts > 0)].mean()))
        among = float(radii(vectors[torch.from_numpy(counts > 0)]).mean())
        assert told["r_i_among_used_mean"] == pytest.approx(among)


def test_each_code_has_its_radius_and_its_nearest_neighbour() -> None:
    line = torch.tensor([[0.0], [1.0], [3.0], [7.0]])
    found = codebook_findings(line)[1]
    told = {(finding.metric, finding.label): finding.value for finding in found}
    assert [told["r_i", str(code)] for code in range(4)] == [0.5, 0.5, 1.0, 2.0]
    assert [told["nearest_neighbour", str(code)] for code in range(4)] == [1, 0, 1, 2]


def test_a_model_without_codebook_has_no_geometry() -> None:
    for quantise in ("identity:4", "none"):
        analyser = Codebook(small(quantise))
        analyser.clean(case(), see(analyser.model, case().image[None]))
        assert not list(analyser.findings())


# Taylor


def test_the_taylor_figures_equal_a_computation_token_by_token() -> None:
    model = small("16x4").double()
    spread_double(model)
    shown = case_double(0)
    found = values(watch(Taylor(model), [shown], draws=5, sigma=0.05))
    vectors = model.quantiser.codebook.detach().numpy()
    clean = see(model, shown.image[None]).embedding[0].numpy()
    moved = see(model, noisy(shown, 5, 0.05)).embedding.numpy()
    predicted = tangents(model, shown.image, noisy(shown, 5, 0.05) - shown.image, axis=None).numpy()
    counts = dict.fromkeys(
        [f"{kind}:{name}" for name in ("r", "r_k", "margin") for kind in ("safe", "safe_flipped", "unsafe_stayed")], 0
    )
    apart = np.linalg.norm(vectors[:, None] - vectors[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    r_i = apart.min(1) / 2
    for token, place in enumerate(clean):
        distances = ((place - vectors) ** 2).sum(1)
        code = int(distances.argmin())
        faces = [(distances[i] - distances[code]) / (2 * apart[code, i]) for i in range(len(vectors)) if i != code]
        bounds = {"r": r_i.sum() / (len(vectors) - 1), "r_k": r_i[code], "margin": min(faces)}
        for draw in range(5):
            flipped = ((moved[draw, token] - vectors) ** 2).sum(1).argmin() != code
            for name, bound in bounds.items():
                safe = np.linalg.norm(predicted[draw, token]) < bound
                counts[f"safe:{name}"] += safe
                counts[f"safe_flipped:{name}"] += safe and flipped
                counts[f"unsafe_stayed:{name}"] += not safe and not flipped
    assert {name: found[name] for name in counts} == counts
    assert counts["safe:margin"] > 0
    assert found["within_flipped:margin"] == 0
    assert found["predicted_shift"] == pytest.approx(np.linalg.norm(predicted, axis=2).mean())
    assert found["true_shift"] == pytest.approx(np.linalg.norm(moved - clean, axis=2).mean())


def case_double(seed: int) -> Case:
    shown = case(seed)
    return Case(shown.image.double(), shown.mask, shown.intensity_range, shown.spacing, "px", shown.entry, shown.labels)


def spread_double(model: Segmenter) -> None:
    tokens = model.encode(case_double(5).image[None]).flatten(2)[0].T
    with torch.no_grad():
        model.quantiser.codebook.copy_(tokens[torch.linspace(0, len(tokens) - 1, 16).long()])


def test_the_linearisation_error_is_given_for_each_draw_and_vanishes_with_the_noise() -> None:
    model = small("none").double()
    errors = {}
    for sigma in (0.3, 1e-5):
        found = watch(Taylor(model), [case_double(0)], draws=5, sigma=sigma)
        errors[sigma] = [finding.value for finding in found if finding.metric == "linearisation_error"]
        assert len(errors[sigma]) == 5
    assert max(errors[1e-5]) < 1e-3 < min(errors[0.3])


def test_a_model_without_codebook_has_shifts_and_no_criteria() -> None:
    found = values(watch(Taylor(small("identity:4")), [case(0)]))
    assert {"predicted_shift", "true_shift"} <= set(found)
    assert not [name for name in found if "safe" in name or "flip" in name]


@pytest.mark.parametrize("setting", ["0.9", "0", "101", "most"])
def test_a_share_of_tokens_that_is_no_percentage_is_refused(setting: str) -> None:
    with pytest.raises(RequestError, match="give a percentage from 1 to 100"):
        Taylor(small(), setting)


@pytest.mark.parametrize(("setting", "largest"), [("", 10.0), ("90", 20.0), ("99.9", 0.0)])
def test_the_largest_safe_level_ends_at_the_first_level_that_is_not_safe(setting: str, largest: float) -> None:
    analyser = Taylor(small(), setting)
    shown = case(0)
    analyser.clean(shown, see(analyser.model, shown.image[None]))
    shares = {1.0: 0.99, 10.0: 0.95, 20.0: 0.92, 30.0: 0.5, 40.0: 0.97}
    rows = pd.DataFrame(
        [
            {"metric": "safe_by_margin", "perturbation": "gaussian", "case": "0", "level": level, "value": share}
            for level, share in shares.items()
        ]
    )
    (found,) = analyser.conclude(rows)
    assert (found.metric, found.value, found.entry) == ("largest_safe_level", largest, shown.entry)


@pytest.mark.parametrize("setting", ["abc", "0", "101", "-5"])
def test_a_share_that_is_no_percentage_is_refused(setting: str) -> None:
    with pytest.raises(RequestError, match="percentage"):
        Taylor(small(), setting)


# Occupancy


def test_a_token_has_the_labels_of_the_voxels_it_covers() -> None:
    shown = case(0, size=(4, 8))  # top half, and a left quarter over it
    shares = label_shares(shown, (2, 4)).view(3, 2, 4)
    assert shares[0].tolist() == [[1, 1, 1, 1], [0, 0, 0, 0]]
    assert shares[1].tolist() == [[1, 0, 0, 0], [1, 0, 0, 0]]
    assert shares[2].tolist() == [[0, 0, 0, 0], [0, 1, 1, 1]]


def test_labels_of_a_volume_read_slice_by_slice_follow_the_slices() -> None:
    mask = torch.zeros(1, 4, 6, 3, dtype=torch.bool)
    mask[:, :, :, 1] = True
    shown = Case(noise(1, 4, 6, 3), mask, torch.zeros(1, 2), (1.0,) * 3, "px", Entry("a", "a"), ("x",), slice_axis=2)
    assert label_shares(shown, (3, 2, 2))[0].view(3, 4).tolist() == [[0] * 4, [1] * 4, [0] * 4]


def margin_by_hand(embedding: np.ndarray, vectors: np.ndarray) -> float:
    """The smallest distance to the plane halfway between the vector of the code and another one."""
    k = np.linalg.norm(vectors - embedding, axis=1).argmin()
    planes = []
    for i in range(len(vectors)):
        if i != k:
            normal = (vectors[i] - vectors[k]) / np.linalg.norm(vectors[i] - vectors[k])
            planes.append(((vectors[i] + vectors[k]) / 2 - embedding) @ normal)
    return float(min(planes))


def test_codes_have_the_labels_of_their_tokens_and_tokens_their_distances() -> None:
    model = small("16x4")
    spread(model)
    cases = [case(0), case(1)]
    analyser = Occupancy(model)
    for shown in cases:
        analyser.clean(shown, see(model, shown.image[None]))
    found = list(analyser.findings())
    vectors, expected = model.quantiser.codebook.detach().numpy(), np.zeros((16, 3))
    r_i = radii(model.quantiser.codebook).numpy()
    for shown in cases:
        seen = see(model, shown.image[None])
        codes = seen.codes[0, :, 0].numpy()
        shares = label_shares(shown, seen.grid).numpy()
        away = np.linalg.norm(seen.embedding[0].numpy() - vectors[codes], axis=1)
        told = {finding.metric: finding.value for finding in found if finding.entry == shown.entry}
        assert told["beyond_radius"] == pytest.approx((away > r_i[codes]).mean())
        margin = [margin_by_hand(token, vectors) for token in seen.embedding[0].numpy()]
        assert told["beyond_margin"] == pytest.approx((away > margin).mean())
        assert told["distance_to_code"] == pytest.approx(away.mean(), rel=1e-5)
        for token, code in enumerate(codes):
            expected[code] += shares[:, token]
    for place, label in enumerate(("top", "left", "background")):
        told = {f.label: f.value for f in found if f.metric == f"label_share:{label}"}
        for code in expected.sum(1).nonzero()[0]:
            assert told[str(code)] == pytest.approx(expected[code, place] / expected[code].sum())


# Contract


@pytest.mark.parametrize(
    "name", sorted(set(registry.names("analysers")) - {"certified", "conformal", "failure", "likelihood", "taylor"})
)
def test_a_setting_that_an_analyser_does_not_take_is_refused(name: str) -> None:
    with pytest.raises(RequestError, match="no setting"):
        registry.load("analysers", name)(small(), "3")
