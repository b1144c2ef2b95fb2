"""robustq gate: passed, failed and not decided, on real runs of a network whose answer is known."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import robustq
from commands import robustq as command
from robustq.errors import RequestError
from robustq.request.criteria import Criterion


class Threshold(nn.Module):
    """Answers with every pixel above one half, so that its answer to a clean image is the truth."""

    def __init__(self) -> None:
        super().__init__()
        self.coarse = nn.AvgPool2d(2)  # a bottleneck, which hardly counts

    def forward(self, images: Tensor) -> Tensor:
        scores = images - 0.5 + 1e-3 * F.interpolate(self.coarse(images), size=images.shape[2:])
        return torch.cat([-scores, scores], dim=1)


def _run(folder: Path, groups: int, *, spoilt: int = 0, **asked: str) -> robustq.Run:
    generator = np.random.default_rng(0)
    masks = [generator.random((12, 12)) > 0.5 for _ in range(groups)]
    pairs = [(mask.astype(np.float32)[None], mask.astype(np.uint8)) for mask in masks]
    for image, _ in pairs[:spoilt]:
        image[:] = 0  # the structure is missed
    return robustq.stress(
        {"net": Threshold(), "twin": Threshold()}, pairs, levels=[0, 40], draws=2, out=folder, **asked
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> robustq.Run:
    return _run(tmp_path_factory.mktemp("gate") / "run", 60)


@pytest.mark.parametrize(
    ("criterion", "outcome"),
    [
        (Criterion("dice", "share", min=0.99, share=0.9, level=0), "pass"),
        (Criterion("dice", "mean", min=0.99, level=0), "pass"),
        (Criterion("dice", "mean", min=0.99), "fail"),
        (Criterion("dice", "retention", min=0.5), "pass"),
        (Criterion("dice", "retention", min=0.99), "fail"),
        (Criterion("dice", "difference", baseline="twin", margin=0.01), "pass"),
        (Criterion("dice", "share", min=0.99, share=0.99, level=0), "undecided"),
    ],
)
def test_a_gate_decides_on_bounds(run: robustq.Run, criterion: Criterion, outcome: str) -> None:
    assert robustq.gate(run, [criterion]).outcome == outcome


def test_every_criterion_must_pass_and_one_that_fails_decides(run: robustq.Run) -> None:
    passing = Criterion("dice", "share", min=0.99, share=0.9, level=0)
    open_one = Criterion("dice", "share", min=0.99, share=0.99, level=0)
    failing = Criterion("dice", "mean", min=0.99)

    assert robustq.gate(run, [passing, open_one]).outcome == "undecided"
    assert robustq.gate(run, [passing, open_one, failing]).outcome == "fail"


def test_a_mean_of_few_patients_is_not_a_pass_unless_it_is_accepted(tmp_path: Path) -> None:
    run = _run(tmp_path / "run", 12)

    (decision, _) = robustq.gate(run, [Criterion("dice", "mean", min=0.9, level=0)]).decisions
    accepted = robustq.gate(run, [Criterion("dice", "mean", min=0.9, level=0, accept_small=True)])

    assert (decision.outcome, decision.acceptance.needed) == ("undecided", 50)
    assert accepted.outcome == "pass"


def test_a_missed_structure_counts_as_not_reached(tmp_path: Path) -> None:
    run = _run(tmp_path / "run", 40, spoilt=3)

    (decision, _) = robustq.gate(run, [Criterion("dice", "share", min=0.0, share=0.9, level=0)]).decisions

    assert decision.acceptance.estimate == pytest.approx(37 / 40)
    assert decision.outcome == "undecided"


def test_a_distance_is_bounded_above_and_its_missed_structures_are_not_dropped_unseen(tmp_path: Path) -> None:
    run = _run(tmp_path / "run", 60, spoilt=1, metrics="dice,hd95", missing="drop")

    for criterion in (Criterion("hd95", "mean", min=1, level=0), Criterion("hd95", "retention", min=0.5)):
        with pytest.raises(RequestError, match="lower is better"):
            robustq.gate(run, [criterion])
    (decision, _) = robustq.gate(run, [Criterion("hd95", "mean", max=1, level=0)]).decisions

    assert (decision.outcome, decision.reason[:21]) == ("fail", "a label is missed in ")


def test_a_bound_may_lie_above_every_value_unless_no_score_can_be_so_large(tmp_path: Path) -> None:
    run = _run(tmp_path / "run", 12, metrics="nll,ece")
    assert (run.to_frame().query("metric == 'nll'")["value"] < 2).all()

    (decision, _) = robustq.gate(run, [Criterion("nll", "mean", max=2, accept_small=True)]).decisions

    assert decision.outcome == "pass"
    with pytest.raises(RequestError, match=r"ece is at most 1, and max = 5 was given: write 5 % as 0\.05"):
        robustq.gate(run, [Criterion("ece", "mean", max=5)])


def test_looks_at_later_patients_cost_a_part_of_the_error(tmp_path: Path) -> None:
    run = _run(tmp_path / "run", 29)
    criterion = {"metric": "dice", "kind": "share", "min": 0.99, "share": 0.9, "level": 0.0}

    assert robustq.gate(run, [Criterion(**criterion)]).outcome == "pass"  # type: ignore[arg-type]
    assert robustq.gate(run, [Criterion(**criterion, looks=2)]).outcome == "undecided"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"metric": "hd95"}, "unknown metric 'hd95'"),
        ({"perturbation": "poisson"}, "unknown perturbation 'poisson'"),
        ({"level": 7.0}, "level 7 is not in this run"),
        ({"label": "heart"}, "unknown label"),
        ({"model": "nobody"}, "unknown model"),
        ({"min": 50}, "dice is at most 1, and min = 50 was given: write 50 % as 0.5"),
        ({"kind": "retention", "min": 90}, "min = 90 was given: write 90 % as 0.9"),
        (
            {"kind": "difference", "min": None, "baseline": "twin", "margin": 2},
            "margin = 2 was given: write 2 % as 0.02",
        ),
        ({"min": None, "max": 0.9}, "dice has max, and higher is better: give min"),
    ],
)
def test_what_the_run_does_not_have_is_refused(run: robustq.Run, changes: dict[str, object], words: str) -> None:
    asked = {"metric": "dice", "kind": "mean", "min": 0.5} | changes
    with pytest.raises(RequestError, match=words):
        robustq.gate(run, [Criterion(**asked)])  # type: ignore[arg-type]


@pytest.mark.parametrize(("least", "status"), [(0.9, 0), (0.999, 4)])
def test_the_command_ends_with_its_status_and_writes_files_for_ci(
    run: robustq.Run, tmp_path: Path, least: float, status: int
) -> None:
    level = 0 if status == 0 else 40
    (tmp_path / "c.toml").write_text(
        f'[[criteria]]\nmetric = "dice"\nkind = "mean"\nmin = {least}\nlevel = {level}\nmodel = "net"\n'
    )
    files = ("--junit", "g.xml", "--markdown", "g.md")

    done = command("gate", run.directory.path, "--criteria", "c.toml", *files, cwd=tmp_path)

    assert done.returncode == status
    suite = ElementTree.parse(tmp_path / "g.xml").getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("1", "1" if status else "0")
    assert f"net: mean at least {least:g}" in (tmp_path / "g.md").read_text()
