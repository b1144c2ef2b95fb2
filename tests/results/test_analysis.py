"""Figures of an analysis are views of its rows: a run directory alone is enough to draw them."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
from sklearn.decomposition import PCA

import robustq
from analyses import analyse, model
from earlier_version import with_rows_folder
from networks import noise, small
from robustq.data.prepared_cases import PreparedCases
from robustq.dataset import Case, Entry, own_range
from robustq.model.segmenter import Segmenter
from robustq.report.values import Values
from robustq.results.analysis import Analysis
from robustq.statistics.group_means import group_means
from robustq_latent.code_maps import SIDE, CodeMap, code_maps
from robustq_latent.codebook_map import SampledTokens, map_findings
from stranger_analysers import register


@pytest.fixture(scope="module")
def models() -> dict[str, Segmenter]:
    preparation = model().spec.preparation
    stages = small("residual:2x8x4", classes=4, preparation=preparation)
    return {"vq": model(), "stages": stages, "lattice": model("fsq:5x5"), "plain": model("none")}


@pytest.fixture(scope="module")
def run(models: dict[str, Segmenter], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("analysis") / "run"
    analyse(models, out=out)
    return out


def pictures(run: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((run / "figures").glob("*.png"))}


def of_an_earlier_version(run: Path, copy: Path) -> Path:
    """A copy of a run directory without the rows that only figures need, and without figures."""
    shutil.copytree(run, copy)
    shutil.rmtree(copy / "figures")
    with_rows_folder(copy)
    for path in copy.rglob("*.parquet"):
        table = pq.read_table(path)
        pq.write_table(table.filter(np.array(table["status"]) != "figure"), path)
    return copy


def test_a_directory_alone_gives_every_figure_again_byte_for_byte(run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    shutil.rmtree(copy / "figures")
    analysis = Analysis(copy)
    analysis.draw()
    assert pictures(copy) == pictures(run)
    assert len(pictures(run)) == 15
    assert analysis.undrawable() == []


def test_of_an_earlier_version_the_other_figures_are_drawn_and_the_missing_ones_named(
    run: Path, tmp_path: Path
) -> None:
    analysis = Analysis(of_an_earlier_version(run, tmp_path / "old"))
    analysis.draw()
    missing = {"codebook-vq", "codebook-stages", "code-maps-vq", "code-maps-stages", "code-maps-lattice"}
    whole = pictures(run)
    assert pictures(analysis.directory.path) == {
        name: picture for name, picture in whole.items() if name.removesuffix(".png") not in missing
    }
    (sentence,) = analysis.undrawable()
    assert all(name in sentence for name in missing)
    assert "an earlier version of robustq wrote the analysis" in sentence


def test_the_same_analysis_again_adds_what_an_earlier_version_did_not_store(
    models: dict[str, Segmenter], run: Path, tmp_path: Path
) -> None:
    old = of_an_earlier_version(run, tmp_path / "old")
    progress = []
    again = analyse(models, out=old, on_progress=progress.append)
    assert progress[-1].resumed == progress[-1].total
    assert again.undrawable() == []
    assert pictures(old) == pictures(run)


def test_rows_for_figures_are_part_of_no_mean_no_table_and_no_summary(run: Path, tmp_path: Path) -> None:
    frame = Analysis(run).to_frame()
    figure = frame["status"] == "figure"
    assert 1000 < figure.sum() < 0.8 * len(frame)
    pd.testing.assert_frame_equal(group_means(frame), group_means(frame[~figure]))
    assert Values(frame)._mean_and_sd.keys() == Values(frame[~figure])._mean_and_sd.keys()
    copy = tmp_path / "old"
    old, new = Analysis(of_an_earlier_version(run, copy)), Analysis(run)
    assert old.grids() == new.grids()
    told = [{**each.summary(), "run": "", "figures": {}} for each in (old, new)]
    assert told[0] == told[1]


def test_a_code_map_shows_the_image_and_the_codes_of_its_case(run: Path, models: dict[str, Segmenter]) -> None:
    cases = PreparedCases(robustq.open_dataset("phantom:cases=2"), models["vq"].spec.preparation)
    frame = Analysis(run).to_frame()
    shown = code_maps(frame[frame["model"] == "vq"])
    assert [each.case for each in shown] == ["A/0000", "A/0001", "B/0000"]
    for each in shown:
        case = cases(next(entry for entry in cases.dataset.entries if entry.id == each.case))
        with torch.no_grad():
            assert each.codes.equal(models["vq"].run(case.image[None]).codes[0, 0])
        image = case.image[0]
        assert torch.allclose(each.image / 255, (image - image.min()).double() / (image.max() - image.min()), atol=0.01)


@pytest.mark.parametrize(("size", "kept"), [((20, 24), (20, 24)), ((256, 128), (64, 32)), ((1000, 3), (64, 1))])
def test_a_large_image_is_kept_small_and_in_proportion(size: tuple[int, int], kept: tuple[int, int]) -> None:
    image = noise(1, *size)
    shown = CodeMap.of_case(
        Case(image, image > 0, own_range(image), (1.0, 1.0), "px", Entry("a", "a"), ("x",)), torch.zeros(2, 2).long()
    )
    assert tuple(shown.image.shape) == kept
    assert max(kept) <= SIDE
    assert (shown.image.min(), shown.image.max()) == (0, 255)


def test_a_constant_image_is_kept_black() -> None:
    image = torch.full((1, 6, 5), 3.0)
    case = Case(image, image > 9, own_range(image), (1.0, 1.0), "px", Entry("a", "a"), ("x",))
    assert CodeMap.of_case(case, torch.zeros(2, 2).long()).image.equal(torch.zeros(6, 5).double())


def places(embeddings: torch.Tensor, vectors: torch.Tensor) -> dict[str, list[float | None]]:
    sample = SampledTokens.evenly(Entry("a", "a"), embeddings, len(embeddings))
    by_metric: dict[str, list[float | None]] = {}
    for finding in map_findings([sample], vectors, ""):
        by_metric.setdefault(finding.metric, []).append(finding.value)
    return by_metric


def test_the_plane_of_the_map_is_that_of_an_independent_principal_component_analysis() -> None:
    embeddings, vectors = noise(200, 6) * torch.arange(1, 7), noise(9, 6, seed=1)
    plane = PCA(n_components=2, svd_solver="full").fit(embeddings.double().numpy())
    found = places(embeddings, vectors)
    for points, name in ((embeddings, "embedding"), (vectors, "vector")):
        expected = plane.transform(points.double().numpy())
        made = np.array([found[f"{name}_x"], found[f"{name}_y"]]).T
        np.testing.assert_allclose(np.abs(made), np.abs(expected), atol=1e-9)
    assert found["plane_variance"] == [pytest.approx(plane.explained_variance_ratio_.sum())]


@pytest.mark.parametrize("embeddings", [torch.ones(1, 3), torch.ones(5, 3), torch.ones(4, 1)])
def test_embeddings_that_do_not_vary_have_a_place_and_no_share_of_variance(embeddings: torch.Tensor) -> None:
    found = places(embeddings, embeddings[:1] + 1)
    assert found["plane_variance"] == [None]
    assert found["embedding_x"] == found["embedding_y"] == [0.0] * len(embeddings)


def test_a_check_that_is_not_installed_here_is_named_and_the_others_are_drawn(
    models: dict[str, Segmenter], tmp_path: Path
) -> None:
    with pytest.MonkeyPatch.context() as elsewhere:
        register(elsewhere, power="Power")
        analyse({"vq": models["vq"]}, check="codebook,power", out=tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "figures")
    analysis = Analysis(tmp_path / "run")
    analysis.draw()
    assert set(analysis.figures) == {"radii-vq", "codebook-vq"}
    (sentence,) = analysis.undrawable()
    assert sentence.startswith("no figure of the check power can be drawn: unknown analyser 'power'")
    assert analysis.verdicts()[0].startswith("vq: alive")
