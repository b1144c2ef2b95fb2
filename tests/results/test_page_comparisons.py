"""Beside a verdict stands what turns it: another metric of the run, or the worst of several attacks."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

import rows
from robustq.report.page.verdict import Verdict
from robustq.results.differences import compare
from robustq.results.page import write_page
from robustq.results.page_chapter import page_chapter
from robustq.results.stress_overview import stress_overview
from robustq.results.stress_run import Run
from stored_runs import stored_run

ATTACKS = {"attacks": {"fgsm": 2, "pgd": 2}, "transfer_from": "unet"}


def rising(slope: float, seed: int, spread: float = 0.2) -> Callable[..., float]:
    """A distance that rises with the level by so much for each percent, with an own deviation of every case."""
    falling = rows.declining(0.0, seed)
    return lambda **place: 5 + slope * place["level"] + spread / 0.02 * (falling(**place) - 0.9)


def two_metrics(path: Path, vq: Callable[..., float], unet: Callable[..., float]) -> Run:
    """A run in which vq loses more Dice than unet, and these are the distances of both."""
    asked = {"groups": 6, "noises": ("gaussian",)}
    return Run(
        stored_run(
            path,
            [
                *rows.run("unet", rows.declining(0.005, 0), **asked),
                *rows.run("vq", rows.declining(0.01, 1), **asked),
                *rows.run("unet", unet, metric="hd95", unit="mm", **asked),
                *rows.run("vq", vq, metric="hd95", unit="mm", **asked),
            ],
        )
    )


def lead(run: Run) -> list[Verdict]:
    """The verdicts that lead the chapter of a run."""
    return list(page_chapter([run], "unet").comparisons)


def attacked(path: Path, *models: str, **asked: object) -> Run:
    """A run under two attacks, which do each case another harm."""
    made = [
        row
        for number, model in enumerate(models)
        for row in rows.run(
            model, rows.declining(0.01, number), groups=5, noises=("fgsm", "pgd"), parameters='{"epsilon": 0.1}'
        )
    ]
    return Run(stored_run(path, made, **(ATTACKS | asked)))


def test_a_metric_by_which_the_other_model_holds_better_is_named_with_the_amount(tmp_path: Path) -> None:
    run = two_metrics(tmp_path, rising(0.1, 2), rising(0.3, 3))
    (verdict,) = lead(run)
    assert verdict.sentence.startswith("vq loses 0.1")
    assert " more Dice than unet " in verdict.sentence

    means = run.to_frame().query("metric == 'hd95'").groupby(["model", "level", "group"])["value"].mean()
    rise = {model: (means[model, 30.0] - means[model, 0.0]).mean() for model in ("vq", "unet")}
    (turn,) = verdict.turned
    assert turn.startswith("By HD95 it is the other way round, and that is settled: vq holds better.")
    assert f"The HD95 of vq rises by {rise['unet'] - rise['vq']:.2f} [" in turn
    assert turn.endswith("] mm less than that of unet.")


def test_the_baseline_is_the_winner_where_the_model_holds_better_by_the_first_metric(tmp_path: Path) -> None:
    run = two_metrics(tmp_path, rising(0.1, 2), rising(0.3, 3))
    (verdict,) = page_chapter([run], "vq").comparisons
    assert " less Dice than vq " in verdict.sentence
    (turn,) = verdict.turned
    assert "vq holds better. The HD95 of unet rises by" in turn


def test_a_turn_whose_interval_holds_0_is_called_open(tmp_path: Path) -> None:
    (verdict,) = lead(two_metrics(tmp_path, rising(0.1, 2, spread=2), rising(0.14, 3, spread=2)))
    (turn,) = verdict.turned
    assert turn.startswith("By HD95 it may be the other way round, which is open. The HD95 of ")
    assert "holds better" not in turn


def test_a_metric_that_agrees_says_nothing(tmp_path: Path) -> None:
    (verdict,) = lead(two_metrics(tmp_path, rising(0.3, 2), rising(0.1, 3)))
    assert verdict.turned == []


def test_the_page_and_the_terminal_show_what_turns_a_verdict(tmp_path: Path) -> None:
    run = two_metrics(tmp_path, rising(0.1, 2), rising(0.3, 3))
    ((turn,),) = (verdict.turned for verdict in lead(run))
    assert f'<span class="turned">{turn}</span>' in write_page([tmp_path], tmp_path / "page.html").read_text()
    (sentence,) = [sentence for sentence in stress_overview(run).sentences if turn in sentence]
    assert sentence.startswith("settled: vq loses")


def test_the_worst_of_several_attacks_leads_the_page(tmp_path: Path) -> None:
    run = attacked(tmp_path, "unet", "vq")
    frame = run.to_frame()
    answers = frame.groupby(["model", "level", "group", "perturbation", "draw"])["value"].mean()
    worst = answers.groupby(["model", "level", "group"]).min()
    drops = {model: worst[model, 0.0] - worst[model, 30.0] for model in ("vq", "unet")}

    (verdict,) = [verdict for verdict in lead(run) if verdict.where == "worst of all attacks"]
    assert verdict.figures["difference"] == pytest.approx((drops["vq"] - drops["unet"]).mean())
    each = [verdict for verdict in page_chapter([run], "unet").verdicts if verdict.where == "worst of all attacks"]
    assert {verdict.model: verdict.figures["drop"] for verdict in each} == pytest.approx(
        {model: drop.mean() for model, drop in drops.items()}
    )


def test_a_single_model_is_told_the_worst_of_its_attacks_once(tmp_path: Path) -> None:
    run = attacked(tmp_path, "unet")
    (verdict,) = page_chapter([run], None).comparisons
    assert (verdict.where, verdict.model) == ("worst of all attacks", "unet")
    told = [sentence for sentence in stress_overview(run).sentences if sentence.startswith("worst of all attacks")]
    assert len(told) == 1
    assert told[0].startswith("worst of all attacks, unet, settled: loses")


def test_the_first_line_of_the_attacks_in_the_overview_is_their_worst(tmp_path: Path) -> None:
    run = attacked(tmp_path, "unet", "vq")
    (grid, *_) = stress_overview(run).grids
    ((_, lines),) = grid.sections
    assert [line[0] for line in lines if line[0]] == ["worst", "fgsm", "pgd"]
    listed = {record["model"]: record for record in run.summary()["worst_of_attacks"] if record["level"] == 30}
    assert [line[3] for line in lines[:2]] == [f"{listed[model]['mean']:.3f}" for model in ("unet", "vq")]
    assert any(note.startswith("worst: for each image, the answer with the lowest Dice") for note in grid.notes)


def test_a_single_answer_to_a_single_attack_has_no_worst(tmp_path: Path) -> None:
    made = [
        row
        for row in rows.run("unet", rows.declining(0.01, 0), noises=("pgd",), parameters='{"epsilon": 0.1}')
        if row.draw == 0
    ]
    run = Run(stored_run(tmp_path, made, attacks={"pgd": 1}, transfer_from=None))
    assert page_chapter([run], None).comparisons == []
    assert "worst" not in {
        line[0] for grid in stress_overview(run).grids for _, lines in grid.sections for line in lines
    }


def test_settled_has_the_colour_of_the_text_for_better_and_for_worse(tmp_path: Path) -> None:
    two_metrics(tmp_path, rising(0.1, 2), rising(0.3, 3))
    page = write_page([tmp_path], tmp_path / "page.html").read_text()
    assert '<span class="sure">settled</span>' in page
    rules = [rule for selectors, rule in re.findall(r"([^{}]+)\{([^{}]+)\}", page) if ".sure" in selectors]
    assert rules
    assert not any("color" in rule for rule in rules)


def test_the_comparison_that_leads_is_over_the_perturbations_of_the_row_all(tmp_path: Path) -> None:
    noises = ("gaussian", "poisson", "pgd")
    harm = {"gaussian": 0.002, "poisson": 0.004, "pgd": 0.02}
    made = [
        row
        for number, (model, times) in enumerate({"unet": 1, "vq": 2}.items())
        for name in noises
        for row in rows.run(model, rows.declining(times * harm[name], number), groups=6, noises=(name,))
    ]
    run = Run(stored_run(tmp_path, made, attacks={"pgd": 2}, transfer_from="unet"))
    frame = run.to_frame().query("perturbation != 'pgd'")
    means = frame.groupby(["model", "perturbation", "level"])["value"].mean()
    drop = {
        model: sum(means[model, name, 0.0] - means[model, name, 30.0] for name in noises[:2]) / 2
        for model in ("unet", "vq")
    }

    (verdict,) = lead(run)
    assert "over 2 perturbations (all)" in verdict.sentence
    assert verdict.figures["difference"] == pytest.approx(drop["vq"] - drop["unet"])
    assert "all: mean over 2 perturbations" in [title for title, _ in run.grids()[0].sections]
    (matrix, *_) = stress_overview(run).grids
    assert "all: the mean over the 2 perturbations that are no attacks, each counted once." in matrix.notes
    assert (
        "<em>all</em> is the mean over the 2 perturbations" in write_page([tmp_path], tmp_path / "p.html").read_text()
    )
    differences = compare(run, "unet")
    averaged = differences.robustness().query("perturbation == 'all'")["perturbations"]
    assert set(averaged) == {2}
    assert [sentence.count("over 2 perturbations (all)") for sentence in differences.verdicts()] == [1]


def test_one_perturbation_beside_an_attack_leads_alone(tmp_path: Path) -> None:
    made = [
        row
        for number, model in enumerate(("unet", "vq"))
        for row in rows.run(model, rows.declining(0.01, number), groups=6, noises=("gaussian", "pgd"))
    ]
    run = Run(stored_run(tmp_path, made, attacks={"pgd": 2}, transfer_from="unet"))
    (verdict,) = lead(run)
    assert "30\N{NO-BREAK SPACE}% gaussian, not settled" in verdict.sentence
    assert [verdict.where for verdict in page_chapter([run], "unet").verdicts if verdict.compared] == ["pgd"]
    gaussian, pgd = compare(run, "unet").verdicts()
    assert ("% gaussian, not" in gaussian, "% pgd, not" in pgd) == (True, True)
