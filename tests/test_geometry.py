"""The geometry of codebooks, against figures derived on paper, and against enumeration."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import robustq
from networks import noise
from robustq import geometry
from robustq.errors import RequestError
from robustq.geometry import margins, nearest_codes, radii, uniformity


def simplex(count: int) -> Tensor:
    """K points at distance √2 from each other."""
    return torch.eye(count)


def cross_polytope(dimension: int) -> Tensor:
    return torch.cat([torch.eye(dimension), -torch.eye(dimension)])


def lattice(side: int) -> Tensor:
    return torch.tensor(list(itertools.product(range(side), repeat=2)), dtype=torch.float32)


def brute_margin(point: np.ndarray, vectors: np.ndarray) -> float:
    """Distance to the nearest face of the Voronoi cell, face by face."""
    distances = ((point - vectors) ** 2).sum(1)
    chosen = int(distances.argmin())
    faces = [
        (distances[i] - distances[chosen]) / (2 * np.linalg.norm(vectors[i] - vectors[chosen]))
        for i in range(len(vectors))
        if np.linalg.norm(vectors[i] - vectors[chosen]) > 0
    ]
    return min(faces, default=math.inf)


@pytest.mark.parametrize(
    ("codebook", "radius"),
    [
        (simplex(5), math.sqrt(0.5)),
        (cross_polytope(4), math.sqrt(0.5)),
        (lattice(4), 0.5),
        (torch.full((6, 3), 0.7), 0.0),
        (torch.ones(1, 3), math.inf),
    ],
    ids=["simplex", "cross-polytope", "lattice", "all equal", "K = 1"],
)
def test_radii_of_codebooks_known_on_paper(codebook: Tensor, radius: float) -> None:
    found = radii(codebook)
    assert found.dtype == torch.float64
    assert found.tolist() == pytest.approx([radius] * len(codebook), abs=1e-12)


def test_a_subset_of_the_codebook_has_its_neighbours_among_itself() -> None:
    corner = lattice(3)[[0, 2, 8]]
    assert radii(corner, among=corner).tolist() == [1.0, 1.0, 1.0]
    assert radii(corner, among=lattice(3)).tolist() == [0.5, 0.5, 0.5]


def test_uniformity_of_codebooks_known_on_paper() -> None:
    # On the simplex all pairs are √2 apart; on the cross-polytope each vector has one antipode, 2 apart.
    assert uniformity(simplex(5)) == pytest.approx(-4)
    by_hand = math.log((math.exp(-8) + 6 * math.exp(-4)) / 7)
    assert uniformity(cross_polytope(4)) == pytest.approx(by_hand, rel=1e-12)
    assert uniformity(torch.full((6, 3), 0.7)) == pytest.approx(0, abs=1e-12)
    assert math.isnan(uniformity(torch.ones(1, 3)))
    assert uniformity(torch.cat([cross_polytope(4), torch.zeros(3, 4)])) == pytest.approx(by_hand, rel=1e-12)


def test_a_point_of_a_lattice_is_as_far_from_its_faces_as_from_its_cell_walls() -> None:
    points = torch.tensor([[1.0, 1.0], [1.25, 1.0], [1.4, 0.7], [-5.0, 1.0]])
    assert nearest_codes(points, lattice(4)).tolist() == [5, 5, 5, 1]
    # Outside the lattice a cell has no wall on that side, but still those beside it.
    assert margins(points, lattice(4)).tolist() == pytest.approx([0.5, 0.25, 0.1, 0.5], abs=1e-6)


def test_nothing_can_flip_where_no_other_vector_is_left() -> None:
    points = noise(4, 3)
    assert margins(points, torch.ones(1, 3)).tolist() == [math.inf] * 4
    assert margins(points, torch.ones(5, 3)).tolist() == [math.inf] * 4
    assert margins(points[:0], torch.ones(5, 3)).shape == (0,)


@given(st.integers(1, 12), st.integers(1, 6), st.integers(0, 2**32 - 1), st.sampled_from([0.01, 1.0, 1e3]))
def test_margins_and_radii_equal_an_enumeration(count: int, dimension: int, seed: int, scale: float) -> None:
    generator = np.random.default_rng(seed)
    vectors = scale * generator.normal(size=(count, dimension))
    vectors[generator.integers(count)] = vectors[0]  # now and then two are identical
    points = scale * generator.normal(size=(7, dimension))
    found = margins(torch.from_numpy(points), torch.from_numpy(vectors))
    expected = [brute_margin(point, vectors) for point in points]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12 * scale)
    halves = [
        min((np.linalg.norm(one - other) / 2 for j, other in enumerate(vectors) if j != i), default=math.inf)
        for i, one in enumerate(vectors)
    ]
    np.testing.assert_allclose(radii(torch.from_numpy(vectors)), halves, rtol=1e-12, atol=1e-12 * scale)


def test_memory_is_bounded_by_parts_that_change_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    points, codebook = noise(50, 6), noise(20, 6, seed=1)
    whole = margins(points, codebook), radii(codebook), uniformity(codebook)
    monkeypatch.setattr(geometry, "MEMORY", 60)
    torch.testing.assert_close(margins(points, codebook), whole[0], rtol=1e-12, atol=0)
    assert radii(codebook).equal(whole[1])
    assert uniformity(codebook) == pytest.approx(whole[2], rel=1e-12)


def test_a_token_moved_by_less_than_its_margin_never_flips_and_one_moved_further_can() -> None:
    codebook, tokens = noise(40, 5).double(), noise(100_000, 5, seed=1).double()
    margin, codes = margins(tokens, codebook), nearest_codes(tokens, codebook)
    directions = torch.nn.functional.normalize(noise(100_000, 5, seed=2).double(), dim=1)
    moved = tokens + 0.999 * margin[:, None] * directions
    assert nearest_codes(moved, codebook).equal(codes)

    # Towards the nearest face a hair more is enough: the margin is exact, not a bound.
    apart = codebook[None] - codebook[codes][:, None]
    lengths = apart.norm(dim=2)
    further = (tokens[:, None] - codebook).square().sum(2) - (tokens - codebook[codes]).square().sum(1)[:, None]
    face = torch.where(lengths > 0, further / (2 * lengths), torch.inf).argmin(1)
    towards = torch.nn.functional.normalize(codebook[face] - codebook[codes], dim=1)
    assert nearest_codes(tokens + 1.001 * margin[:, None] * towards, codebook).ne(codes).all()


def test_the_radius_in_place_of_the_margin_is_refuted_by_a_counterexample() -> None:
    codebook, tokens = noise(40, 5).double(), noise(100_000, 5, seed=1).double()
    codes = nearest_codes(tokens, codebook)
    within = radii(codebook)[codes]
    directions = torch.nn.functional.normalize(noise(100_000, 5, seed=2).double(), dim=1)
    moved = nearest_codes(tokens + 0.999 * within[:, None] * directions, codebook)
    # A shift shorter than r_k changes the code of a token that does not sit on l_k.
    assert moved.ne(codes).any()
    # Where r_k - |e - l_k| is left, it never does: docs/definitions.md's weaker promise.
    left = (within - (tokens - codebook[codes]).norm(dim=1)).clamp(min=0)
    assert nearest_codes(tokens + 0.999 * left[:, None] * directions, codebook).equal(codes)


@pytest.mark.parametrize("function", [radii, uniformity, lambda book: margins(noise(2, 3), book)])
@pytest.mark.parametrize("shape", [(0, 3), (3,), (1, 4, 3)])
def test_what_is_no_codebook_is_refused(function, shape: tuple[int, ...]) -> None:
    with pytest.raises(RequestError, match="K, D"):
        function(torch.zeros(shape))


def test_embeddings_of_another_dimension_are_refused() -> None:
    with pytest.raises(RequestError, match=r"\(N, 3\)"):
        nearest_codes(noise(5, 4), noise(2, 3))


def test_the_geometry_is_reached_from_the_package() -> None:
    assert robustq.geometry.radii is radii
