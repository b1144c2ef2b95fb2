"""Attacks in a stress run: each model's own, those transferred, and what they say together."""

import json
from pathlib import Path

import pandas as pd
import pytest
import torch
from torch import Tensor, nn

import robustq
from networks import noise, small
from robustq.dataset import AbstractDataset, Case, Entry
from robustq.draws.attacked import choose_source
from robustq.draws.by_name import load_attacks
from robustq.draws.seeds import draw_generator
from robustq.errors import RequestError
from robustq.model.segmenter import Segmenter
from robustq.report.masking_notes import masking_notes
from robustq.report.stress_table import curve_grid
from robustq.results.several_runs import join
from robustq.results.stress_run import Run
from robustq.statistics import compare, summarise_by_architecture
from robustq.statistics.masked_gradients import Masked, overruled, suspects
from robustq_cli.stress import stress as stress_command

LABELS = tuple(sorted(robustq.open_dataset("phantom").labels.items()))
DATA = "phantom:cases=2,domain=A"


def model(quantise: str = "16x4", *, size: tuple[int, ...] = (24, 20), **settings: object) -> Segmenter:
    """A small untrained segmenter for the phantom."""
    preparation = robustq.Preparation(dims=2, size=size, labels=LABELS)
    return small(quantise, classes=4, preparation=preparation, **settings)


def pair() -> dict[str, Segmenter]:
    return {"vq": model(), "plain": model("none", seed=1)}


def attacked(models: dict[str, Segmenter] | None = None, data: str = DATA, **settings: object) -> Run:
    asked = {"attack": ["pgd@3"], "levels": [2, 5], "draws": 2, **settings}
    return robustq.stress(models or pair(), data, **asked)


def dice(run: Run) -> pd.DataFrame:
    """The rows of Dice."""
    return run.to_frame().query("metric == 'dice'")


def rows(run: Run) -> pd.DataFrame:
    """The rows in an order of their own."""
    frame = run.to_frame()
    return frame.sort_values([name for name in frame if name not in ("value", "reason")]).reset_index(drop=True)


def test_every_model_is_shown_its_own_attack_and_that_of_the_other() -> None:
    frame = dice(attacked(attack=["pgd@3", "fgsm"], noise=["gaussian"]))
    counts = frame.groupby(["model", "perturbation", "level"]).size().unstack("level")
    per_draw = 2 * 3  # cases, labels
    for one, other in (("vq", "plain"), ("plain", "vq")):
        assert counts.loc[(one, "gaussian")].tolist() == [per_draw, 2 * per_draw, 2 * per_draw]
        for name in ("pgd@3", f"pgd@3 (from {other})"):
            assert counts.loc[(one, name)].tolist() == [per_draw, 2 * per_draw, 2 * per_draw]
        for name in ("fgsm", f"fgsm (from {other})"):  # nothing in it is random
            assert counts.loc[(one, name)].tolist() == [per_draw, per_draw, per_draw]
    assert len(counts) == 2 * 5


def test_rows_say_what_an_independent_computation_says() -> None:
    models = pair()
    run = attacked(models, "phantom:cases=1,domain=A", seed=7, clip=True)
    data = robustq.open_dataset("phantom:cases=1,domain=A")
    case = models["vq"].spec.preparation(data.read(data.entries[0]))
    (attack,) = load_attacks(["pgd@3"]).values()
    low, high = case.intensity_range[0].tolist()
    for source, target in (("vq", "vq"), ("vq", "plain"), ("plain", "vq"), ("plain", "plain")):
        image = attack(case, 5, draw_generator(7, "A/0000", "pgd@3", 1), models[source], True).image.clamp(low, high)
        with torch.no_grad():
            answer = models[target](image[None]).argmax(1)[0]
        found = dice(run).query("model == @target and level == 5 and draw == 1 and label == 'heart'")
        found = found.set_index("perturbation")
        row = found.loc["pgd@3" if source == target else f"pgd@3 (from {source})"]
        predicted, truth = answer == 3, case.mask[2]
        assert row["value"] == pytest.approx(
            2 * (predicted & truth).sum().item() / (predicted.sum() + truth.sum()).item()
        )
        assert json.loads(row["parameters"])["epsilon"] == pytest.approx(0.05 * (high - low))
        assert row["seed"] == draw_generator(7, "A/0000", "pgd@3", 1).initial_seed()


def test_an_attack_alone_brings_no_noise_with_it() -> None:
    assert attacked({"m": model()}).asked["perturbations"] == ["pgd@3"]


def test_of_three_models_the_source_is_shown_the_attacks_of_all_and_the_others_its_own() -> None:
    models = {"a": model(), "b": model("none"), "c": model(seed=2)}
    run = attacked(models, "phantom:cases=1,domain=A", levels=[2], draws=1)
    shown = run.to_frame().query("metric == 'dice'").groupby("model")["perturbation"].unique().map(set).to_dict()
    assert shown == {
        "a": {"pgd@3", "pgd@3 (from b)"},
        "b": {"pgd@3", "pgd@3 (from a)", "pgd@3 (from c)"},
        "c": {"pgd@3", "pgd@3 (from b)"},
    }
    assert run.asked["transfer_from"] == "b"  # the first without codebook
    other = attacked(models, "phantom:cases=1,domain=A", levels=[2], draws=1, transfer_from="c")
    assert other.shown == ["pgd@3", "pgd@3 (from a)", "pgd@3 (from b)", "pgd@3 (from c)"]
    assert other.asked["transfer_from"] == "c"


def test_batch_size_order_and_company_of_the_models_change_no_row() -> None:
    first = rows(attacked(batch_size=1))
    backwards = rows(attacked(dict(reversed(pair().items())), batch_size=16))
    pd.testing.assert_frame_equal(first.drop(columns="value"), backwards.drop(columns="value"))
    # The attacked images are the same; a pixel may change hands where the batch of a prediction differs.
    pd.testing.assert_series_equal(first["value"], backwards["value"], atol=0.02, rtol=0)
    alone = rows(attacked({"vq": model()}, batch_size=16))
    own = backwards.query("model == 'vq' and perturbation in ('pgd@3', 'clean')").reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, own, atol=0.02, rtol=0)


class Killed(BaseException):
    """What a process sees when it is told to stop."""


def test_a_killed_run_of_attacks_goes_on_and_ends_with_the_same_rows(tmp_path: Path) -> None:
    whole = attacked(out=tmp_path / "whole", batch_size=2)

    def die(progress: object) -> None:
        if progress.done > 3:
            raise Killed

    with pytest.raises(Killed):
        attacked(out=tmp_path / "killed", batch_size=2, on_progress=die)
    resumed = attacked(out=tmp_path / "killed", batch_size=2)
    pd.testing.assert_frame_equal(whole.to_frame(), resumed.to_frame())
    with pytest.raises(RequestError, match=r"holds another run \(it differs in transfer_from"):
        attacked(out=tmp_path / "killed", batch_size=2, transfer_from="vq")


def test_compare_pairs_the_direct_attacks_also_of_separate_runs() -> None:
    together = attacked()
    table = compare(dice(together), "plain", resamples=50)
    assert set(table["perturbation"]) == {"pgd@3"}
    assert table["level"].tolist() == [0, 2, 5]
    runs = [attacked({"vq": model()}), attacked({"plain": model("none", seed=1)})]
    apart = join(runs).query("metric == 'dice'")
    pd.testing.assert_frame_equal(
        compare(apart, "plain", resamples=50)[["level", "mean", "baseline_mean"]],
        table[["level", "mean", "baseline_mean"]],
    )
    by_architecture = summarise_by_architecture(dice(together), {"vq": "unet"})
    assert set(by_architecture["perturbation"]) == {"pgd@3"}


class Masking(nn.Module):
    """Answers as the network inside, with a gradient that points nowhere useful."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        scores = self.network(images)
        return scores.detach() + 1e-9 * (images * torch.cos(1e5 * images)).sum(1, keepdim=True)


class Bright(nn.Module):
    """Label 1 where the image is brighter than half: attacked at once by whoever has its gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(1, 2, 1)
        with torch.no_grad():
            self.layer.weight.copy_(torch.tensor([-4.0, 4.0]).view(2, 1, 1, 1))
            self.layer.bias.copy_(torch.tensor([2.0, -2.0]))

    def forward(self, images: Tensor) -> Tensor:
        return self.layer(images)


def bright_pair() -> dict[str, Segmenter]:
    """A network, and the same with its gradient masked."""
    preparation = robustq.Preparation(dims=2, normalise="none", labels=((1, "lung"),))
    example = torch.zeros(1, 1, 24, 20)
    return {
        name: robustq.wrap(network, "none", at=at, example=example, preparation=preparation).eval()
        for name, network, at in (("open", Bright(), "layer"), ("masked", Masking(Bright()), "network.layer"))
    }


class Halves(AbstractDataset):
    """Two images, dark on the left and bright on the right, where the label is."""

    name = "halves"
    labels = {1: "lung"}  # noqa: RUF012 - an instance of the contract's attribute

    @property
    def entries(self) -> list[Entry]:
        return [Entry(name, name) for name in ("a", "b")]

    def read(self, entry: Entry) -> Case:
        mask = torch.zeros(24, 20, dtype=torch.int32)
        mask[:, 10:] = 1
        image = 0.3 + 0.4 * mask[None] + 0.01 * noise(1, 24, 20, seed=ord(entry.id))
        return Case(image, mask, torch.tensor([[0.0, 1.0]]).double(), (1.0, 1.0), "px", entry)

    def fingerprint(self, entry: Entry) -> str:
        return entry.id


def test_masked_gradients_are_said_in_a_sentence_and_in_the_summary() -> None:
    run = robustq.stress(bright_pair(), Halves(), attack=["pgd@3"], levels=[10, 40], draws=1)
    found = run.masked_gradients()
    assert {(each.model, each.attack, each.rival) for each in found} == {("masked", "pgd@3", "pgd@3 (from open)")}
    assert all(each.stronger < each.direct for each in found)
    summary = run.summary()
    assert summary["masked_gradients"][0]["model"] == "masked"
    assert any(
        note.startswith(
            "pgd@3 makes masked look more robust than it is at 40 %: pgd@3 (from open) may change the image"
        )
        for note in (note.replace("\N{NO-BREAK SPACE}", " ") for note in summary["notes"])
    )
    assert any("no evidence of robustness." in note for note in curve_grid(run.curves("dice")).notes)


def means_of(direct: list[float], transfer: list[float], level: float = 5.0) -> pd.DataFrame:
    """Dice of one model by group under its own attack and under one transferred, as `group_means` gives it."""
    shared = {"model": "vq", "training_seed": None, "level": level, "metric": "dice", "unit": "", "dataset": "d"}
    return pd.DataFrame(
        {**shared, "perturbation": name, "group": str(place), "value": value, "missed": 0, "unanswered": 0}
        for name, values in (("pgd", direct), ("pgd (from plain)", transfer))
        for place, value in enumerate(values)
    )


def said(found: list[Masked], norms: dict[str, str]) -> list[str]:
    """The notes on them, with plain blanks."""
    asked = {"attacks": dict.fromkeys(norms, 1), "draws": 1, "transfer_from": "plain", "models": []}
    return [note.replace("\N{NO-BREAK SPACE}", " ") for note in masking_notes(asked, ["dice"], norms, found)]


@pytest.mark.parametrize(
    ("direct", "transfer", "certain", "words"),
    [
        ([0.80, 0.90, 0.85], [0.70, 0.82, 0.74], True, "are no evidence of robustness"),
        ([0.80, 0.90, 0.85], [0.90, 0.95, 0.95], False, "No sign of this was found"),
        ([0.80, 0.90, 0.85], [0.40, 0.99, 0.94], False, "With 3 groups this can also be chance"),
        ([0.0050, 0.0060], [0.0035, 0.0040], False, "No sign of this was found"),  # nothing is left to lose
        ([0.80, 0.90, 0.85], [0.796, 0.896, 0.846], False, "leaves a Dice more than 0.005 below"),
        ([0.80, 0.90, 0.85], [0.792, 0.890, 0.841], True, "are no evidence of robustness"),
        ([0.80], [0.70], True, "are no evidence of robustness"),
        ([0.80, float("nan")], [0.70, float("nan")], True, "are no evidence"),  # a patient without that label
    ],
)
def test_a_transferred_attack_outdoes_the_direct_one_where_it_matters_and_is_no_chance(
    direct: list[float], transfer: list[float], certain: bool, words: str
) -> None:
    norms = {"pgd": "epsilon"}
    found = suspects(means_of(direct, transfer), norms, ["vq", "plain"])
    assert any(each.certain for each in found) == certain
    assert words in said(found, norms)[-1]


def test_masking_is_said_of_the_levels_at_which_it_was_seen() -> None:
    norms = {"pgd": "epsilon"}
    means = pd.concat([means_of([0.8, 0.9], [0.9, 0.95], 1.0), means_of([0.8, 0.9], [0.5, 0.61], 30.0)])
    (found,) = suspects(means, norms, ["vq", "plain"])
    assert (found.level, found.groups, found.direct, found.stronger) == (
        30,
        2,
        pytest.approx(0.85),
        pytest.approx(0.555),
    )
    assert found.low <= -0.295 <= found.high < 0
    asked = {"attacks": {"pgd": 4}, "draws": 4, "transfer_from": "plain", "models": []}
    transfers, starts, explanation, sentence = masking_notes(asked, ["dice"], norms, [found])
    assert transfers.startswith("ATTACK (from MODEL): the attack made its images for that model")
    assert starts.startswith(
        "pgd begins at a random point in each draw: the figures are means over these starting points."
    )
    assert explanation.startswith("Masked gradients make a model look robust")
    assert sentence.replace("\N{NO-BREAK SPACE}", " ") == (
        "pgd makes vq look more robust than it is at 30 %: pgd (from plain) may change the image no more and does more "
        "harm (at 30 %, mean Dice over all cases is 0.555 instead of 0.850). The gradients of vq are masked, or pgd is "
        "too weak: at these levels, figures under pgd are no evidence of robustness."
    )


def test_another_attack_that_is_allowed_no_more_shows_masked_gradients_too() -> None:
    for rival in ("bpda", "bpda (from plain)"):
        means = means_of([0.8, 0.9], [0.5, 0.61]).replace({"pgd (from plain)": rival})
        for one, other, seen in (
            ("epsilon", "epsilon", True),
            ("rms", "rms", True),
            ("rms", "epsilon", True),  # the L-inf ball lies in the L2 ball of its level
            ("epsilon", "rms", False),
            ("", "", False),
        ):
            found = suspects(means, {"pgd": one, "bpda": other}, ["vq", "plain"])
            assert [(each.model, each.attack, each.rival) for each in found] == [("vq", "pgd", rival)] * seen


def test_the_l_inf_ball_of_a_level_lies_in_its_l2_ball() -> None:
    case, model = Halves().read(Entry("a", "a")), bright_pair()["open"]
    case = model.spec.preparation(case)
    (inner, outer) = load_attacks(["fgsm", "fgsm@l2"]).values()
    change = inner(case, 7, torch.Generator(), model).image - case.image
    limits = outer.parameters(7, case.intensity_range)
    assert change.square().mean().sqrt() <= limits["rms"] * (1 + 1e-5)
    assert limits["rms"] == inner.parameters(7, case.intensity_range)["epsilon"]


def test_attacks_of_one_model_are_compared_with_those_that_are_allowed_no_more() -> None:
    models = {"masked": bright_pair()["masked"]}
    run = robustq.stress(models, Halves(), attack=["fgsm", "pgd@3"], levels=[5], draws=1)
    assert any("No sign of this was found" in note for note in run.attack_notes())
    alone = robustq.stress(models, Halves(), attack=["fgsm"], levels=[5], draws=1)
    assert any("needs a second model, or a second attack" in note for note in alone.attack_notes())


def test_a_model_that_gives_probabilities_is_named_for_its_attacks_are_weak() -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 1), nn.Softmax(1))
    example = torch.zeros(1, 1, 24, 20)
    preparation = robustq.Preparation(dims=2, normalise="none", labels=((1, "lung"),))
    ended = robustq.wrap(network, "none", at="0", example=example, preparation=preparation, answer="probabilities")
    run = robustq.stress({"ended": ended, **bright_pair()}, Halves(), attack=["fgsm"], levels=[5])
    assert any(note.startswith("The output of ended is probabilities.") for note in run.attack_notes())
    assert not any("is probabilities" in note for note in attacked(levels=[5]).attack_notes())


def test_the_attack_is_transferred_from_the_matched_baseline_if_there_is_one() -> None:
    models = {"plain": model("none"), "vq": model(), "matched": model("identity:4")}
    assert choose_source(models, None) == "matched"
    assert choose_source({name: models[name] for name in ("vq", "plain")}, None) == "plain"
    assert choose_source({name: models[name] for name in ("vq",)}, None) is None
    assert choose_source(models, "vq") == "vq"


def test_without_a_sign_of_masking_the_notes_say_that_this_is_no_proof() -> None:
    models = {"one": bright_pair()["open"], "two": bright_pair()["open"]}
    run = robustq.stress(models, Halves(), attack=["fgsm"], levels=[10], draws=3)
    assert run.masked_gradients() == []
    notes = curve_grid(run.curves("dice")).notes
    assert any(note.startswith("fgsm: 1 draw per level. An attack has more only if it begins at") for note in notes)
    assert any("No sign of this was found" in note and "This is no proof" in note for note in notes)


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"metrics": "iou"}, "needs the metric dice"), ({}, "needs a second model, or a second attack")],
)
def test_where_masking_cannot_be_looked_for_the_notes_say_so(settings: dict[str, str], words: str) -> None:
    models = pair() if settings else {"m": model()}
    run = attacked(models, "phantom:cases=1,domain=A", levels=[2], draws=1, **settings)
    assert any(words in note for note in run.summary()["notes"])


def test_a_table_and_a_figure_show_transfers_beside_the_direct_attack() -> None:
    run = attacked(levels=[2], draws=1)
    assert [section for section, _ in curve_grid(run.curves("dice")).sections] == [
        "worst of all attacks",
        "pgd@3",
        "pgd@3 (from vq)",
        "pgd@3 (from plain)",
    ]
    assert [[line[0] for line in lines] for _, lines in curve_grid(run.curves("dice")).sections] == [
        ["vq", "plain"],
        ["vq", "plain"],
        ["plain"],
        ["vq"],
    ]
    figure = run.plot()
    (panel,) = figure.axes
    drawn = {str(line.get_label()): (line.get_color(), line.get_marker()) for line in panel.lines}
    assert set(drawn) == {"vq", "plain", "vq, attack from plain", "plain, attack from vq"}
    # The colour is that of the model which is shown the attack, the marker that of the attacked one.
    assert drawn["vq, attack from plain"] == (drawn["vq"][0], drawn["plain"][1])
    assert drawn["plain, attack from vq"] == (drawn["plain"][0], drawn["vq"][1])
    assert drawn["vq"][0] != drawn["plain"][0]
    assert set(drawn) < {text.get_text() for text in figure.legends[0].get_texts()}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"transfer_from": "plane"}, "unknown model 'plane': did you mean plain"),
        ({"attack": [], "transfer_from": "plain"}, "without an attack: name one, such as pgd"),
        ({"attack": [], "noise": []}, "no perturbation was named"),
    ],
)
def test_a_wrong_request_is_refused(settings: dict[str, object], words: str) -> None:
    with pytest.raises(RequestError, match=words):
        attacked(**settings)


def test_a_single_model_has_nothing_to_transfer_from() -> None:
    with pytest.raises(RequestError, match="is the only model"):
        attacked({"m": model()}, transfer_from="m")


def test_the_command_line_attacks_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = {"attack": ["fgsm,fgsm@l2"], "levels": "0,2", "data": "phantom:cases=1", "split": "all", "json": True}
    assert stress_command(**words, out=str(tmp_path / "run"), transfer_from="vq-unet") == 0
    summary = json.loads(capsys.readouterr().out)
    assert {curve["perturbation"] for curve in summary["curves"]} == {
        name + source for name in ("fgsm", "fgsm@l2") for source in ("", " (from unet)", " (from vq-unet)")
    }
    with pytest.raises(RequestError, match="unknown attack 'fsgm': did you mean fgsm"):
        stress_command(attack=["fsgm"])


def test_an_attack_has_one_draw_and_noise_ten_unless_a_number_is_asked() -> None:
    asked = {"noise": ["gaussian"], "attack": ["pgd@1"], "levels": [2]}
    run = robustq.stress({"m": model("none")}, "phantom:cases=1,domain=A", **asked)
    assert run.draws == {"gaussian": 10, "pgd@1": 1}
    frame = dice(run).query("level == 2 and label == 'heart'")
    assert frame.groupby("perturbation")["draw"].nunique().to_dict() == {"gaussian": 10, "pgd@1": 1}
    seed = draw_generator(0, "A/0000", "pgd@1", 0).initial_seed()
    assert frame.query("perturbation == 'pgd@1'")["seed"].tolist() == [seed]
    assert curve_grid(run.curves()).title.endswith(", 10 draws per level above 0, 1 of attacks")
    alone = robustq.stress({"m": model("none")}, "phantom:cases=1,domain=A", attack=["pgd@1"], levels=[2])
    assert curve_grid(alone.curves()).title.endswith(", 1 draw per level")
    more = robustq.stress({"m": model("none")}, "phantom:cases=1,domain=A", **asked, draws=2)
    assert more.draws == {"gaussian": 2, "pgd@1": 2}
    pd.testing.assert_series_equal(
        dice(more).query("perturbation == 'pgd@1' and draw == 0")["value"].reset_index(drop=True),
        dice(run).query("perturbation == 'pgd@1' and draw == 0")["value"].reset_index(drop=True),
    )


def test_a_run_that_an_earlier_version_began_keeps_its_draws_of_an_attack(tmp_path: Path) -> None:
    for attack in (["fgsm"], ["pgd@1"]):
        folder = tmp_path / attack[0]
        first = attacked({"m": model("none")}, attack=attack, levels=[2], draws=10, out=folder)
        resumed = attacked({"m": model("none")}, attack=attack, levels=[2], draws=None, out=folder)
        assert resumed.draws == first.draws
        pd.testing.assert_frame_equal(first.to_frame(), resumed.to_frame())
    with pytest.raises(RequestError, match="holds another run"):
        attacked({"m": model("none")}, attack=["pgd@1"], levels=[2], draws=3, out=tmp_path / "pgd@1")


def test_runs_with_other_draws_of_an_attack_are_not_paired() -> None:
    asked = {"noise": ["gaussian"], "attack": ["pgd@1"], "levels": [2], "data": "phantom:cases=1,domain=A"}
    runs = [robustq.stress({"m": model("none")}, **asked), robustq.stress({"n": model("none")}, **asked, draws=10)]
    with pytest.raises(RequestError, match=r"differ in draws of pgd@1 \(1 against 10\)"):
        join(runs)


def test_a_run_of_level_0_alone_has_no_draws_in_its_title() -> None:
    run = robustq.stress({"m": model("none")}, "phantom:cases=1,domain=A", levels=[0])
    assert curve_grid(run.curves()).title == "dice on phantom: mean ± sd over 1 group"


def test_the_first_line_of_the_attacks_is_the_worst_answer_of_each_image() -> None:
    run = attacked(attack=["fgsm", "pgd@3"], noise=["gaussian"], levels=[2], draws=2)
    sections = [section for section, _ in curve_grid(run.curves("dice")).sections]
    assert sections[:3] == ["gaussian", "worst of all attacks", "fgsm"]
    frame = dice(run).query("model == 'vq' and level == 2 and perturbation != 'gaussian'")
    answers = frame.groupby(["group", "perturbation", "draw"])["value"].mean()
    worst = answers.groupby("group").min()
    (found,) = (
        curve
        for curve in run.summary()["worst_of_attacks"]
        if (curve["model"], curve["level"], curve["perturbation"]) == ("vq", 2, "worst")
    )
    assert found["mean"] == pytest.approx(worst.mean())
    assert found["low"] <= found["mean"] <= found["high"]
    line = dict(curve_grid(run.curves("dice")).sections)["worst of all attacks"][0]
    assert line[2].startswith(f"{worst.mean():.3f} ±")
    assert line[2].endswith(f"[{found['low']:.3f}, {found['high']:.3f}]")


def test_an_l2_attack_has_a_worst_line_of_its_own() -> None:
    run = attacked({"m": model()}, attack=["fgsm", "fgsm@l2"], levels=[2], draws=1)
    # Of the L-inf attacks there is a single answer, so it has no worst.
    assert run.attacks.competing == {"worst@l2": ["fgsm", "fgsm@l2"]}
    assert attacked({"m": model()}, attack=["fgsm"], levels=[2], draws=1).attacks.competing == {}


def test_a_run_of_attacks_has_a_table_by_the_size_of_the_structure() -> None:
    run = attacked(data="phantom:cases=4,domain=A", levels=[2], draws=1)
    table = run.grids()[-1]
    assert table.header == ["model", "size", "structures", "0\N{NO-BREAK SPACE}%", "2\N{NO-BREAK SPACE}%"]
    assert [section for section, _ in table.sections] == [
        f"worst, {label}" for label in ("heart", "left lung", "right lung")
    ]
    assert [line[0] for line in table.sections[0][1]] == ["vq"] * 3 + ["plain"] * 3
    volumes = run.document["structure_volumes"]
    data = robustq.open_dataset("phantom:cases=4,domain=A")
    case = model().spec.preparation(data.read(data.entries[0]))
    assert volumes["unit"] == f"{case.unit}2"
    expected = case.mask[2].sum().item() * case.spacing[0] * case.spacing[1]
    assert volumes["cases"]["A/0000"]["heart"] == pytest.approx(expected)


def test_a_run_without_attacks_stores_no_volumes() -> None:
    run = robustq.stress(pair(), DATA, noise=["gaussian"], levels=[2], draws=1)
    assert "structure_volumes" not in run.document
    assert len(run.grids()) == 1


def test_a_masked_network_is_caught_by_the_attack_that_follows_no_gradient() -> None:
    attacks = ["fgsm", "pgd@3", "square@queries=100"]

    def sentences(name: str) -> list[str]:
        run = robustq.stress({name: bright_pair()[name]}, Halves(), attack=attacks, levels=[40], draws=1)
        notes = [note.replace("\N{NO-BREAK SPACE}", " ") for note in run.attack_notes()]
        return [note for note in notes if "not to be believed" in note]

    assert sentences("open") == []
    (sentence,) = sentences("masked")
    assert sentence.startswith(
        "square@queries=100 follows no gradient, and it lowers the Dice of masked at 40 % clearly more than fgsm and "
        "pgd@3 (at 40 %, mean Dice over all cases is "
    )
    assert sentence.endswith("the figures under fgsm and pgd@3 are not to be believed.")


def test_an_attack_without_gradients_overrules_only_where_it_beats_all_that_follow_one() -> None:
    shared = {"model": "vq", "training_seed": None, "level": 5.0, "metric": "dice", "unit": "", "dataset": "d"}
    values = {"fgsm": [0.8, 0.9, 0.85], "pgd": [0.7, 0.8, 0.75], "square": [0.75, 0.85, 0.8]}
    norms = dict.fromkeys(values, "epsilon")

    def overruling() -> list[tuple[str, str]]:
        means = pd.DataFrame(
            {**shared, "perturbation": name, "group": str(place), "value": value, "missed": 0, "unanswered": 0}
            for name, each in values.items()
            for place, value in enumerate(each)
        )
        found = suspects(means, norms, ["vq"], ["square"])
        assert not any(suspect.attack == "square" for suspect in found)  # a random search may be weaker
        return [(each.attack, each.rival) for each in overruled(found, norms, ["square"])]

    assert overruling() == []  # stronger than fgsm, weaker than pgd
    values["square"] = [0.3, 0.4, 0.35]
    assert overruling() == [("fgsm", "square"), ("pgd", "square")]
