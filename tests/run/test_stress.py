import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image as Picture
from rich.console import Console

import robustq
from earlier_version import with_rows_folder
from networks import noise, small
from robustq.data.open_dataset import open_dataset
from robustq.dataset import AbstractDataset, Case, Entry
from robustq.draws.draw_settings import DrawSettings
from robustq.draws.perturbed import Perturber
from robustq.draws.seeds import draw_generator
from robustq.errors import CaseError, RequestError
from robustq.model.segmenter import Segmenter
from robustq.perturbation import AbstractPerturbation
from robustq.report.stress_table import curve_grid
from robustq.results.several_runs import join, seed_notes
from robustq.results.stress_run import Run
from robustq.run.stress_draws import DrawMaker
from robustq.shapes import Image, IntensityRange

LABELS = tuple(sorted(open_dataset("phantom").labels.items()))


def model(quantise: str = "16x4", *, size: tuple[int, ...] = (24, 20), **settings: object) -> Segmenter:
    """A small untrained segmenter for the phantom."""
    preparation = robustq.Preparation(dims=len(size), size=size, labels=LABELS)
    return small(quantise, dims=len(size), classes=4, preparation=preparation, **settings)


def rows(run: Run) -> pd.DataFrame:
    """The rows without what tells runs apart, in an order of their own."""
    frame = run.to_frame()
    return frame.sort_values([name for name in frame if name not in ("value", "reason")]).reset_index(drop=True)


def test_every_model_perturbation_level_draw_case_and_label_has_its_row() -> None:
    run = robustq.stress(
        {"a": model(), "b": model("none")}, "phantom:cases=2", noise=["gaussian", "s&p"], levels=[5, 30], draws=3
    )
    dice = run.to_frame().query("metric == 'dice'")
    assert len(dice) == 2 * 4 * 3 * 2 * (1 + 2 * 3)
    assert set(dice["perturbation"]) == {"gaussian", "salt-and-pepper"}
    counts = dice.groupby(["model", "case", "perturbation", "level", "label"]).size().unstack("level")
    assert (counts == [1, 3, 3]).all().all()


def test_a_row_says_what_an_independent_computation_says() -> None:
    segmenter = model(seed=5)
    run = robustq.stress({"m": segmenter}, "phantom:cases=1,domain=A", noise=["gaussian"], levels=[20], draws=2, seed=7)
    data = open_dataset("phantom:cases=1,domain=A")
    case = segmenter.spec.preparation(data.read(data.entries[0]))
    generator = draw_generator(7, "A/0000", "gaussian", 1)
    low, high = case.intensity_range[0].tolist()
    noisy = case.image + 0.2 * (high - low) * torch.randn(case.image.shape, generator=generator)
    with torch.no_grad():
        answer = segmenter(noisy[None]).argmax(1)[0]
    row = run.to_frame().query("level == 20 and draw == 1 and label == 'heart'").iloc[0]
    predicted, truth = answer == 3, case.mask[2]
    assert row["value"] == pytest.approx(2 * (predicted & truth).sum().item() / (predicted.sum() + truth.sum()).item())
    assert json.loads(row["parameters"]) == {"sigma": pytest.approx(0.2 * (high - low))}
    assert row["seed"] == generator.initial_seed()


def test_every_model_sees_the_same_noise() -> None:
    first = robustq.stress({"a": model(), "b": model("none")}, "phantom:cases=2", draws=2, levels=[30])
    alone = robustq.stress({"b": model("none")}, "phantom:cases=2", draws=2, levels=[30])
    together = rows(first).query("model == 'b'").reset_index(drop=True)
    pd.testing.assert_frame_equal(together, rows(alone))


@pytest.mark.parametrize("size", [(24, 20), (16, 12, 8)])
def test_batch_size_changes_no_noise_and_no_row(size: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[int, list[torch.Tensor]] = {}
    runs = {}
    for batch_size in (1, 16):
        images = seen.setdefault(batch_size, [])
        make = DrawMaker.__call__

        def watched(self, batch, images=images, make=make):
            for draw in make(self, batch):
                images.append(draw.case.image)
                yield draw

        monkeypatch.setattr(DrawMaker, "__call__", watched)
        runs[batch_size] = robustq.stress(
            {"m": model(size=size)},
            f"phantom:cases=2,dims={len(size)}",
            noise=["gaussian", "poisson"],
            draws=3,
            levels=[10, 30],
            batch_size=batch_size,
        )
        monkeypatch.undo()
    assert len(seen[1]) == len(seen[16])
    assert all(one.equal(other) for one, other in zip(seen[1], seen[16], strict=True))
    segmenter = model(size=size)
    with torch.no_grad():
        together = segmenter(torch.stack(seen[16][:8]))
        for image, logits in zip(seen[1], together, strict=False):
            torch.testing.assert_close(segmenter(image[None])[0], logits, rtol=0, atol=1e-4)
    one, other = rows(runs[1]), rows(runs[16])
    pd.testing.assert_frame_equal(one.drop(columns="value"), other.drop(columns="value"))
    # A pixel may change hands where the two top logits tie; the sizes here leave at most a few.
    np.testing.assert_allclose(one["value"], other["value"], atol=0.02)


class Killed(BaseException):
    """What a process sees when it is told to stop."""


def test_a_file_of_rows_that_is_damaged_is_named_and_once_deleted_computed_anew(tmp_path: Path) -> None:
    asked = {"levels": [10], "draws": 2, "batch_size": 2}
    whole = robustq.stress({"m": model()}, "phantom:cases=2", out=tmp_path, **asked).to_frame()
    damaged = sorted(with_rows_folder(tmp_path).iterdir())[1]
    damaged.write_bytes(b"")
    with pytest.raises(
        RequestError, match=rf"{damaged.name} cannot be read .*: delete it and run the same command again"
    ):
        robustq.stress({"m": model()}, "phantom:cases=2", out=tmp_path, **asked)
    damaged.unlink()
    again = robustq.stress({"m": model()}, "phantom:cases=2", out=tmp_path, **asked)
    pd.testing.assert_frame_equal(again.to_frame(), whole)


class Broken(AbstractPerturbation):
    """Divides by nothing."""

    def apply(self, image: Image, level: float, intensity_range: IntensityRange, generator: torch.Generator) -> Image:
        return image / (image - image)

    def parameters(self, level: float, intensity_range: IntensityRange) -> dict[str, float | list[float]]:
        return {"nothing": 0.0}


def test_a_perturbation_that_gives_no_image_is_refused_and_not_scored() -> None:
    data = open_dataset("phantom:cases=1,domain=A")
    case = model().spec.preparation(data.read(data.entries[0]))
    with pytest.raises(RequestError, match="broken at 5 % gives case A/0000 values that are not finite"):
        Perturber({"broken": Broken()}, DrawSettings(0))(case, "broken", 5, 0)


def test_a_killed_run_goes_on_and_ends_with_the_rows_of_one_that_was_never_killed(tmp_path: Path) -> None:
    asked = {"noise": ["gaussian", "rician"], "levels": [10, 30], "draws": 3, "batch_size": 4}
    whole = robustq.stress({"m": model()}, "phantom:cases=2", out=tmp_path / "whole", **asked)

    def die(progress: object) -> None:
        if progress.done > 5:
            raise Killed

    with pytest.raises(Killed):
        robustq.stress({"m": model()}, "phantom:cases=2", out=tmp_path / "killed", on_progress=die, **asked)
    assert not (tmp_path / "killed" / "results.parquet").exists()
    assert list((tmp_path / "killed" / "rows").iterdir())
    seen = []
    resumed = robustq.stress(
        {"m": model()}, "phantom:cases=2", out=tmp_path / "killed", on_progress=seen.append, **asked
    )
    assert 0 < seen[-1].resumed < seen[-1].total
    pd.testing.assert_frame_equal(whole.to_frame(), resumed.to_frame())
    strip = {"run"}
    assert {k: v for k, v in whole.summary().items() if k not in strip} == {
        k: v for k, v in resumed.summary().items() if k not in strip
    }


def test_another_run_in_the_same_directory_is_refused(tmp_path: Path) -> None:
    robustq.stress({"m": model()}, "phantom:cases=1", levels=[0], out=tmp_path / "run")
    with pytest.raises(RequestError, match=r"holds another run .* levels, draws"):
        robustq.stress({"m": model()}, "phantom:cases=1", levels=[0, 1], draws=2, out=tmp_path / "run")
    with pytest.raises(RequestError, match=r"holds another run .* models"):
        robustq.stress({"m": model(seed=1)}, "phantom:cases=1", levels=[0], out=tmp_path / "run")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("")
    with pytest.raises(RequestError, match="exists and holds no run"):
        robustq.stress({"m": model()}, "phantom:cases=1", levels=[0], out=tmp_path / "other")


class Flawed(AbstractDataset):
    """Three cases: one good, one unreadable, one whose second label is absent; a fourth with an ignored region."""

    name, ignore = "flawed", 9
    labels = {1: "square", 4: "rare"}  # noqa: RUF012 - an instance of the contract's attribute

    @property
    def entries(self) -> list[Entry]:
        return [Entry(name, name) for name in ("absent", "broken", "good")]

    def read(self, entry: Entry) -> Case:
        if entry.id == "broken":
            raise CaseError("the image holds NaN or infinite values")
        mask = torch.zeros(16, 16, dtype=torch.int32)
        mask[2:8, 2:8], mask[:, 12:] = 1, 9
        if entry.id == "good":
            mask[10, 3] = 4
        image = noise(1, 16, 16)
        return Case(image, mask, torch.tensor([[-3.0, 3.0]]).double(), (2.0, 0.5), "mm", entry)

    def fingerprint(self, entry: Entry) -> str:
        return entry.id


def flawed_run(**settings: object) -> Run:
    preparation = robustq.Preparation(labels=((1, "square"), (4, "rare")), ignore=9)
    segmenter = small("none", classes=3, preparation=preparation)
    with torch.no_grad():
        segmenter.network.head[-1].weight.zero_()
        segmenter.network.head[-1].bias.copy_(torch.tensor([0.0, 1.0, 2.0]))  # the rare label everywhere
    return robustq.stress({"m": segmenter}, Flawed(), levels=[10], draws=2, **settings)


def test_the_bundled_pair_is_not_shown_what_it_was_not_trained_for() -> None:
    with pytest.raises(RequestError, match="no model was named, and the bundled pair was trained for the phantom"):
        robustq.stress(None, Flawed(), levels=[10])


def test_a_bad_case_among_good_ones_is_recorded_and_the_run_goes_on() -> None:
    run = flawed_run()
    failed = run.to_frame().query("status == 'failed'")
    assert failed[["case", "reason"]].to_numpy().tolist() == [["broken", "the image holds NaN or infinite values"]]
    assert run.failures == {"broken": "the image holds NaN or infinite values"}
    assert any("1 of 3 cases could not be used" in note for note in run.sample_notes())


def test_a_label_that_the_truth_does_not_show_is_invented_not_scored() -> None:
    run = flawed_run()
    assert any(
        note.startswith("In 1 of the 4 pairs of a case and a label") for note in curve_grid(run.curves("dice")).notes
    )
    assert [(each["level"], each["share"], each["volume"]) for each in run.summary()["invented"]] == [
        (0, 1, 192),
        (10, 1, 192),
    ]
    frame = run.to_frame().query("case == 'absent' and label == 'rare'")
    assert set(frame["metric"]) == {"invented", "invented_volume"}
    assert set(frame.query("metric == 'invented'")["value"]) == {1.0}
    volume = frame.query("metric == 'invented_volume'")
    assert set(volume["value"]) == {16 * 12 * 2.0 * 0.5}  # what is ignored is not counted
    assert set(volume["unit"]) == {"mm2"}


def test_a_label_that_is_missed_scores_0_and_says_so() -> None:
    frame = flawed_run(metrics="dice,hd95").to_frame().query("label == 'square'")
    assert set(frame["status"]) == {"missed"}
    assert set(frame.query("metric == 'dice'")["value"]) == {0.0}
    assert set(frame.query("metric == 'hd95'")["value"]) == {float(np.hypot(15 * 2.0, 15 * 0.5))}


def test_cases_seen_in_training_are_left_out_unless_asked_for(tmp_path: Path) -> None:
    recipe = robustq.Recipe(epochs=1, batch_size=4, precision="fp32")
    trained = robustq.train(model(), "phantom:cases=5,domain=A", tmp_path / "m.safetensors", recipe)
    scored = robustq.stress([tmp_path / "m.safetensors"], "phantom:cases=5,domain=A", levels=[0])
    assert len(scored.asked["data"]["cases"]) == 5 - len(trained.spec.training["training_cases"])
    assert any("to choose, by Dice without noise, which epoch" in note for note in scored.sample_notes())
    everything = robustq.stress({"m": trained}, "phantom:cases=5,domain=A", levels=[0], split="all")
    assert any("figures on these cases are better than" in note for note in everything.sample_notes())
    with pytest.raises(RequestError, match="declares no case of the split 'test'"):
        robustq.stress({"m": trained}, "phantom:cases=5,domain=A", split="test")


def test_models_that_are_set_against_a_baseline_of_another_training_seed_are_named() -> None:
    def trained(seed: int) -> Segmenter:
        made = model(seed=seed)
        record = {"validation_cases": [], "training_cases": [], "dataset": "phantom", "recipe": {}, "epochs": 1}
        made.spec = made.spec.but(training=record, seed=seed)
        return made

    run = robustq.stress({"a": trained(0), "b": trained(0), "c": trained(1)}, "phantom:cases=1", levels=[0])
    assert seed_notes([run], "a") == ["c: trained with another seed than a, which can cause part of the difference."]
    assert seed_notes([run], "c") == ["a, b: trained with another seed than c, which can cause part of the difference."]
    untrained = robustq.stress({"a": model(), "b": model(seed=1)}, "phantom:cases=1", levels=[0])
    assert seed_notes([untrained], "a") == []


def test_a_2d_model_reads_volumes_slice_by_slice_and_is_scored_on_the_volume() -> None:
    segmenter = model(size=(16, 12))
    run = robustq.stress({"m": segmenter}, "phantom:dims=3,cases=1,domain=A", levels=[10], draws=2)
    data = open_dataset("phantom:dims=3,cases=1,domain=A")
    case = segmenter.spec.preparation(data.read(data.entries[0]))
    assert case.image.shape == (1, 16, 12, 32)  # the slices stand along the coarsest axis, the third
    with torch.no_grad():
        answer = torch.stack([segmenter(case.image[..., z][None]).argmax(1)[0] for z in range(32)], dim=-1)
    row = run.to_frame().query("level == 0 and label == 'heart' and metric == 'dice'").iloc[0]
    predicted, truth = answer == 3, case.mask[2]
    expected = 2 * (predicted & truth).sum().item() / (predicted.sum() + truth.sum()).item()
    assert row["value"] == pytest.approx(expected)


def test_codes_in_use_are_those_of_the_clean_cases() -> None:
    segmenter = model()
    run = robustq.stress({"m": segmenter}, "phantom:cases=2,domain=A", levels=[30])
    data = open_dataset("phantom:cases=2,domain=A")
    images = torch.stack([segmenter.spec.preparation(data.read(entry)).image for entry in data.entries])
    with torch.no_grad():
        codes = segmenter.run(images).codes
    assert run.codes()["m"].used == len(codes.unique())
    assert run.codes()["m"].text == f"{len(codes.unique())} of 16"


def test_models_that_prepare_differently_are_not_compared() -> None:
    with pytest.raises(RequestError, match=r"prepare their cases differently \(size \(24, 20\) against \(16, 16\)\)"):
        robustq.stress({"a": model(), "b": model(size=(16, 16))}, "phantom:cases=1")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"noise": ["gausian"]}, "unknown perturbation 'gausian': did you mean gaussian"),
        ({"noise": []}, "no perturbation was named"),
        ({"levels": [101]}, "level 101 is not a percentage"),
        ({"draws": 0}, "draws=0"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"missing": "zero"}, "unknown missing policy 'zero'"),
        ({"metrics": "dicee"}, "unknown metric 'dicee': did you mean dice"),
        ({"metrics": "nsd@2px"}, "px"),
        ({"split": "heldout"}, "unknown split 'heldout': did you mean held-out"),
        ({"compat": "papercode"}, "did you mean paper-code"),
        ({"compat": "paper-code", "noise": ["rician"]}, "'rician' has no paper-code formula"),
        ({"data": "fantom"}, "did you mean phantom"),
        ({"data": "phantom:case=3"}, "dataset 'phantom' has no setting case: it takes dims=, cases="),
        ({"data": "phantom:cases=x"}, "phantom:cases=x is not a whole number: give one, as in phantom:cases=2"),
        ({"data": "phantom:5"}, "dataset 'phantom' does not take '5': it takes dims="),
        ({"data": "folder:"}, "dataset 'folder' needs a path, and none was given: write folder:PATH"),
        ({"device": "abacus"}, "device 'abacus' is not available"),
    ],
)
def test_what_cannot_be_run_is_refused_in_words(asked: dict[str, object], words: str) -> None:
    with pytest.raises(RequestError, match=words):
        robustq.stress({"m": model()}, **{"data": "phantom:cases=1"} | asked)


def test_bad_data_is_refused_where_no_case_is_good(tmp_path: Path) -> None:
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    Picture.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "images" / "a.png")
    Picture.fromarray(np.zeros((8, 9), np.uint8)).save(tmp_path / "masks" / "a.png")
    with pytest.raises(RequestError, match=r"none of the 1 cases .* a: the image has the shape 8×8, the mask 8×9"):
        robustq.stress({"m": small()}, str(tmp_path))
    (tmp_path / "masks" / "a.png").write_text("not a picture")
    with pytest.raises(RequestError, match=r"a\.png cannot be read as an image"):
        robustq.stress({"m": small()}, str(tmp_path))
    Picture.fromarray(np.full((8, 8), 3, np.uint8)).save(tmp_path / "masks" / "a.png")
    with pytest.raises(RequestError, match="has the values 3, which are none of the labels 1=1"):
        robustq.stress({"m": small()}, str(tmp_path))
    with pytest.raises(RequestError, match="has 1 image channel, the model takes 3"):
        robustq.stress({"m": robustq.wrap("unet", "8x4", in_channels=3, width=4, scales=2, groups=2)}, str(tmp_path))


def test_the_table_and_the_figure_show_every_model_and_level() -> None:
    run = robustq.stress({"left": model(), "right": model("none")}, "phantom:cases=2", levels=[10], metrics="dice,hd95")
    for metric in ("dice", "hd95"):
        console = Console(width=160, record=True, file=io.StringIO())
        console.print(run.table(metric))
        text = console.export_text()
        for word in (
            "left",
            "right",
            "0\N{NO-BREAK SPACE}%",
            "10\N{NO-BREAK SPACE}%",
            "gaussian",
            "untrained",
            "of 16",
        ):
            assert word in text
    assert "[mm]" in text
    panel, other = run.plot("dice").axes
    assert [line.get_label() for line in panel.lines] == ["left", "right"]
    assert [panel.get_title(), other.get_title()] == ["gaussian, domain A", "gaussian, domain B"]
    clean = run.to_frame().query("metric == 'dice' and level == 0 and model == 'left' and domain == 'A'")
    by_case = clean.groupby("case")["value"].mean()
    assert panel.lines[0].get_ydata()[0] == pytest.approx(by_case.mean())


def test_many_perturbations_are_drawn_in_rows_of_panels_with_one_legend(tmp_path: Path) -> None:
    names = ["gaussian", "poisson", "speckle", "rician", "salt-and-pepper"]
    run = robustq.stress(
        {"m": model()},
        "phantom:cases=1,domain=A",
        noise=names,
        levels=[10],
        draws=1,
        metrics="dice,hd95",
        out=tmp_path / "run",
    )
    figure = run.plot("hd95")
    assert [panel.get_title() for panel in figure.axes if panel.axison] == names
    assert len({panel.get_subplotspec().rowspan.start for panel in figure.axes}) > 1
    assert len(figure.legends) == 1
    run.draw()
    files = sorted(path.name for path in (tmp_path / "run" / "curves").iterdir())
    assert files == ["dice.pdf", "dice.png", "hd95.pdf", "hd95.png"]


def test_a_metric_that_nothing_has_is_drawn_as_an_empty_panel() -> None:
    class Empty(Flawed):
        def read(self, entry: Entry) -> Case:
            case = super().read(entry)
            return replace(case, mask=torch.zeros_like(case.mask))

    preparation = robustq.Preparation(labels=((1, "square"), (4, "rare")), ignore=9)
    run = robustq.stress({"m": small("none", classes=3, preparation=preparation)}, Empty(), levels=[10], draws=1)
    shown = io.StringIO()
    Console(file=shown, width=120).print(run.table())
    assert "dice on flawed: no value, because no true mask shows a label" in shown.getvalue()
    assert run.summary()["curves"] == []
    (panel,) = run.plot().axes
    assert all(len(line.get_xdata()) == 0 for line in panel.lines)


def test_noise_with_the_papers_formulas_is_named_so() -> None:
    run = robustq.stress({"m": model()}, "phantom:cases=1", levels=[10], draws=1, compat="paper-code")
    assert set(run.to_frame().query("metric == 'dice'")["perturbation"]) == {"paper-code:gaussian"}


@pytest.mark.parametrize("clip", [True, False])
def test_values_leave_the_intensity_range_unless_they_are_clipped(clip: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    beyond = []
    make = DrawMaker.__call__

    def watched(self, batch):
        for draw in make(self, batch):
            low, high = draw.case.intensity_range[0].float()
            beyond.append(bool((draw.case.image < low).any() or (draw.case.image > high).any()))
            yield draw

    monkeypatch.setattr(DrawMaker, "__call__", watched)
    robustq.stress({"m": model()}, "phantom:cases=1,domain=A", levels=[50], draws=1, clip=clip)
    assert beyond == [False, not clip]


def test_a_run_is_read_again_from_its_directory(tmp_path: Path) -> None:
    run = robustq.stress({"m": model()}, "phantom:cases=1", levels=[10], draws=1, out=tmp_path / "run")
    again = Run(tmp_path / "run")
    pd.testing.assert_frame_equal(run.to_frame(), again.to_frame())
    assert json.loads((tmp_path / "run" / "summary.json").read_text()) == again.summary()
    with pytest.raises(RequestError, match="no run in"):
        Run(tmp_path)


def test_runs_without_a_common_metric_are_not_compared() -> None:
    runs = [
        robustq.stress({name: model()}, "phantom:cases=1,domain=A", levels=[0], metrics=metric)
        for name, metric in (("a", "dice"), ("b", "hd95"))
    ]
    with pytest.raises(RequestError, match=r"no metric in common \(.*: dice; .*: hd95\).*the same --metrics"):
        robustq.compare(runs, "a").verdicts()


def test_runs_of_other_cases_or_levels_are_not_joined_and_it_is_said_where() -> None:
    runs = [
        robustq.stress({name: model()}, f"phantom:cases={cases},domain=A", levels=levels, draws=1)
        for name, cases, levels in (("a", 1, [0, 10]), ("b", 2, [0, 10]), ("c", 1, [0, 20]), ("d", 1, [0, 10]))
    ]
    assert set(join([runs[0], runs[3]])["model"]) == {"a", "d"}
    with pytest.raises(
        RequestError, match=r"differ in cases \(1, no case A/0001 against 2, image \w{16} as case A/0001"
    ):
        join(runs[:2])
    with pytest.raises(RequestError, match=r"differ in levels \(\[0.0, 10.0\] against \[0.0, 20.0\]\)"):
        join([runs[0], runs[2]])


def test_a_level_of_0_alone_is_a_run() -> None:
    run = robustq.stress({"m": model()}, "phantom:cases=1", levels=[0])
    assert set(run.to_frame().query("metric == 'dice'")["level"]) == {0.0}
    assert run.summary()["curves"][0]["audc"] is None


def bright(level: float) -> Segmenter:
    """A model that answers with the same label everywhere, or nowhere, depending on nothing but its bias."""
    made = model("none")
    with torch.no_grad():
        made.network.head[-1].weight.zero_()
        made.network.head[-1].bias.copy_(torch.tensor([level, 0.0, 0.0, 0.0]))
    return made


def drawn(run: Run, metric: str | None = None) -> str:
    shown = io.StringIO()
    Console(file=shown, width=250).print(run.table(metric))
    return shown.getvalue()


def test_misses_stand_beside_every_distance() -> None:
    data = "phantom:cases=4,domain=B"
    run = robustq.stress({"nothing": bright(9.0)}, data, levels=[30], draws=2, metrics="dice,hd95")
    table = drawn(run, "hd95")
    # 4 cases × 3 labels, once at level 0 and twice at 30 %.
    assert "(12 missed)" in table
    assert "(24 missed)" in table
    assert "missed" not in drawn(run, "dice")


def test_where_misses_are_infinitely_far_every_cell_is_a_median() -> None:
    models = {"nothing": bright(9.0), "plain": model("none")}
    run = robustq.stress(models, "phantom:cases=2", levels=[30], draws=2, metrics="hd95", missing="inf")
    assert "median (quartiles)" in drawn(run)
    assert "±" not in drawn(run)


def test_where_misses_are_left_out_the_sample_is_told() -> None:
    models = {"nothing": bright(9.0), "plain": model("none")}
    run = robustq.stress(models, "phantom:cases=2", levels=[30], draws=2, metrics="hd95", missing="drop")
    assert "over 0 to" in drawn(run)
    assert "left out" in drawn(run)


def test_a_model_with_little_to_retain_is_said_to_have_little() -> None:
    run = robustq.stress({"nothing": bright(9.0)}, "phantom:cases=1", levels=[30], draws=1)
    assert "nothing has little to retain" in drawn(run)


def test_distances_of_cases_in_mm_and_px_are_not_averaged() -> None:
    class Mixed(AbstractDataset):
        name = "mixed"

        def __init__(self) -> None:
            self.inner = open_dataset("phantom:cases=2,domain=A")
            self.labels = self.inner.labels

        @property
        def entries(self) -> list[Entry]:
            return list(self.inner.entries)

        def read(self, entry: Entry) -> Case:
            case = self.inner.read(entry)
            return replace(case, unit="px") if entry.id == "A/0001" else case

        def fingerprint(self, entry: Entry) -> str:
            return self.inner.fingerprint(entry)

    with pytest.raises(RequestError, match=r"A/0000 in mm.*run stress for each unit separately"):
        robustq.stress({"m": model()}, Mixed(), levels=[30], draws=1, metrics="hd95")
    assert len(robustq.stress({"m": model()}, Mixed(), levels=[30], draws=1).to_frame())


def test_runs_whose_models_prepare_their_cases_differently_are_not_paired() -> None:
    first = robustq.stress({"a": model(size=(24, 20))}, "phantom:cases=1", levels=[30], draws=1)
    other = robustq.stress({"b": model(size=(20, 24))}, "phantom:cases=1", levels=[30], draws=1)
    with pytest.raises(RequestError, match="differ in preparation"):
        join([first, other])


def test_an_ignore_value_of_the_dataset_counts_although_it_names_no_label(tmp_path: Path) -> None:
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    Picture.fromarray(np.arange(480, dtype=np.uint16).reshape(24, 20).astype(np.uint8)).save(tmp_path / "images/a.png")
    mask = np.zeros((24, 20), np.uint8)
    mask[:12], mask[12:, :5] = 255, 1
    Picture.fromarray(mask).save(tmp_path / "masks" / "a.png")
    made = small("none", preparation=robustq.Preparation(dims=2, size=(24, 20)))
    with torch.no_grad():
        made.network.head[-1].weight.zero_()
        made.network.head[-1].bias.copy_(torch.tensor([0.0, 9.0]))
    run = robustq.stress({"all": made}, f"folder:{tmp_path},ignore=255", levels=[30], draws=1)
    # Of 240 voxels that count, 60 are the label, and the model says all.
    assert run.to_frame().query("metric == 'dice' and level == 0")["value"].item() == pytest.approx(2 * 60 / (240 + 60))
