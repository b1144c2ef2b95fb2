"""The split of a loss of Dice between the bottleneck and its surroundings, against passes mixed by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import robustq
from networks import noise, small, with_patch
from robustq.analyser import Draws, Finding
from robustq.data.slices import from_slices, to_slices
from robustq.dataset import Case, Entry, own_range
from robustq.errors import RequestError
from robustq.latent.latents import latent
from robustq.model.predict import NOT_FINITE
from robustq.model.segmenter import Segmenter
from robustq.scoring.mean_dice import mean_dice
from robustq_latent.mixed_passes import clean_maps, mixed_answers, skip_answers
from robustq_latent.pathways import MOVED, NO_LABEL, Pathways


def case(*size: int, seed: int = 0, axis: int | None = None) -> Case:
    image = noise(1, *size, seed=seed)
    mask = image > 0.3
    return Case(image, mask, own_range(image), (1.0,) * len(size), "px", Entry("a", "a"), ("label",), slice_axis=axis)


def drawn(clean: Case, draws: int = 3, sigma: float = 0.6) -> list[Case]:
    return [replace(clean, image=clean.image + sigma * noise(*clean.image.shape, seed=50 + n)) for n in range(draws)]


def findings(model: Segmenter, clean: Case, draws: list[Case], setting: str = "") -> list[Finding]:
    analyser = Pathways(model, setting)
    images = clean.image[None]
    analyser.begin(clean, latent(model, images, batch_size=2, axis=clean.slice_axis, output=True))
    for first in range(0, len(draws), 2):
        some = draws[first : first + 2]
        images = torch.stack([draw.image for draw in some])
        seen = latent(model, images, batch_size=2, axis=clean.slice_axis, output=True)
        analyser.observe(Draws(first, seen, None, some, 2))
    return list(analyser.end())


def values(measured: list[Finding]) -> dict[str, float]:
    return {finding.metric: finding.value for finding in measured if finding.value is not None}


class TwoPaths(nn.Module):
    """A network whose two paths can be called by hand: a bottleneck and one skip beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(1, 6, 3, stride=2, padding=1)
        self.up = nn.ConvTranspose2d(6, 2, 2, stride=2)
        self.beside = nn.Conv2d(1, 2, 1)

    def forward(self, images: Tensor) -> Tensor:
        return self.mix(self.down(images), images)

    def mix(self, bottleneck: Tensor, images: Tensor) -> Tensor:
        """The answer with a bottleneck from one image and the skip from another."""
        scores: Tensor = self.up(bottleneck) + self.beside(images)
        return scores


def test_the_four_dice_values_are_those_of_passes_mixed_by_hand() -> None:
    torch.manual_seed(3)
    network = TwoPaths().eval()
    model = robustq.wrap(network, "none", at="down", example=noise(1, 1, 12, 10)).eval()
    clean = case(12, 10)
    draws = drawn(clean)

    def by_hand(bottleneck: Case, surroundings: Case) -> float:
        with torch.no_grad():
            scores = network.mix(network.down(bottleneck.image[None]), surroundings.image[None])
        return mean_dice(scores.argmax(1)[0][None] == 1, clean)

    expected = np.array([[by_hand(b, s) for b in (clean, d) for s in (clean, d)] for d in draws])
    clean_dice, held, handed, perturbed = expected.mean(0)
    assert values(findings(model, clean, draws)) == pytest.approx(
        {
            "dice_clean": clean_dice,
            "dice_perturbed": perturbed,
            "dice_clean_bottleneck": held,
            "dice_perturbed_bottleneck": handed,
            "pathway_loss": clean_dice - perturbed,
            "through_bottleneck": ((clean_dice - handed) + (held - perturbed)) / 2,
            "around_bottleneck": ((clean_dice - held) + (handed - perturbed)) / 2,
            "restorable": held - perturbed,
        }
    )


def test_the_two_parts_add_up_to_the_loss() -> None:
    clean = case(16, 12)
    found = values(findings(small(), clean, drawn(clean, sigma=2.0)))
    assert found["through_bottleneck"] + found["around_bottleneck"] == pytest.approx(found["pathway_loss"], abs=1e-12)
    assert found["pathway_loss"] != 0


def test_skips_that_carry_nothing_give_everything_back_with_a_clean_bottleneck() -> None:
    model = robustq.wrap("unet", "16x4", skips="drop", width=4, scales=2, groups=2).eval()
    clean = case(16, 12)
    found = values(findings(model, clean, drawn(clean, sigma=2.0)))
    assert found["dice_clean_bottleneck"] == found["dice_clean"]
    assert found["restorable"] == found["pathway_loss"] == found["through_bottleneck"] != 0
    assert found["around_bottleneck"] == 0


def test_where_no_code_flips_a_clean_bottleneck_restores_exactly_nothing() -> None:
    model = small("2x4")
    with torch.no_grad():  # one code so far away that no token ever takes it
        model.quantiser.codebook[1] = 1e6  # type: ignore[index, union-attr]
    clean = case(16, 12)
    draws = drawn(clean, sigma=2.0)
    found = values(findings(model, clean, draws))
    assert found["pathway_loss"] != 0
    assert found["restorable"] == found["through_bottleneck"] == 0
    bottleneck = clean_maps(model, clean, 2, skips=False)[-1]
    held = mixed_answers(model, clean, draws, bottleneck, 2).held
    images = torch.stack([draw.image for draw in draws])
    assert held.equal(model.masks(model.run(images).logits)), "the mixed passes themselves agree"


@pytest.mark.parametrize("patch", [None, (8, 6)])
def test_a_volume_read_by_slices_or_windows_is_mixed_part_by_part(patch: tuple[int, ...] | None) -> None:
    model = small("none") if patch is None else with_patch(small("none"), *patch)
    volume = case(9, 8, 4, axis=2)
    draws = drawn(volume, 2)
    maps = clean_maps(model, volume, 3, skips=False)
    mixed = mixed_answers(model, volume, draws, maps[-1], 3)
    for place, draw in enumerate(draws):
        for answer, bottlenecks, surroundings in ((mixed.held, volume, draw), (mixed.handed, draw, volume)):
            slices = []
            for number in range(4):
                one, other = (
                    replace(case(9, 8), image=to_slices(whole.image, 2)[number])
                    for whole in (bottlenecks, surroundings)
                )
                bottleneck = clean_maps(model, one, 1, skips=False)[-1]
                slices.append(mixed_answers(model, other, [other], bottleneck, 1).held[0])
            assert answer[place].equal(from_slices(torch.stack(slices), 2))


def test_each_scale_of_the_skips_can_be_held_clean_alone() -> None:
    model = small("16x4", scales=3)
    clean = case(16, 12)
    draws = drawn(clean, sigma=1.0)
    found = values(findings(model, clean, draws, "skips"))
    assert {"restorable_by_skip_1", "restorable_by_skip_2"} <= set(found)
    maps = clean_maps(model, clean, 2, skips=True)
    assert [len(feature) for feature in maps] == [1, 1, 1]
    answers = skip_answers(model, [clean], maps[0] * 0 + 5, 0, 2)
    assert not answers.equal(skip_answers(model, [clean], maps[0], 0, 2)), "the decoder gets the map that it is given"
    held = [mean_dice(masks, clean) for masks in skip_answers(model, draws, maps[1], 1, 2)]
    assert found["restorable_by_skip_2"] == pytest.approx(np.mean(held) - found["dice_perturbed"])
    assert "restorable_by_skip_1" not in values(findings(model, clean, draws))


def test_the_plain_dice_values_are_those_of_a_stress_run() -> None:
    models, data = {"vq": small("16x4", classes=4)}, "phantom:cases=2,domain=A"
    asked = {"noise": ["gaussian"], "levels": [30], "draws": 3, "seed": 5, "batch_size": 3}
    stressed = robustq.stress(models, data, **asked).to_frame().query("metric == 'dice'")
    analysed = robustq.analyse(models, data, check="pathways", **asked).to_frame()
    by_draw = stressed.groupby(["case", "level", "draw"])["value"].mean().groupby(["case", "level"]).mean()
    for metric, level in (("dice_clean", 0.0), ("dice_perturbed", 30.0)):
        found = analysed[analysed["metric"] == metric].set_index("case")["value"].sort_index()
        assert list(found) == pytest.approx(list(by_draw[:, level].sort_index()), abs=1e-12), metric


def test_a_perturbation_that_moves_the_truth_has_no_pathways() -> None:
    clean = case(16, 12)
    moved = [replace(draw, mask=~clean.truth) for draw in drawn(clean)]
    (finding,) = findings(small(), clean, moved)
    assert finding.value is None
    assert finding.reason == MOVED


def test_a_case_without_a_label_has_no_pathways() -> None:
    clean = case(16, 12)
    empty = replace(clean, mask=torch.zeros_like(clean.truth))
    (finding,) = findings(small(), empty, drawn(empty))
    assert finding.reason == NO_LABEL


def test_a_piece_with_an_answer_that_is_not_finite_has_no_pathways() -> None:
    torch.manual_seed(3)
    network = TwoPaths().eval()
    model = robustq.wrap(network, "none", at="down", example=noise(1, 1, 12, 10)).eval()
    clean = case(12, 10)
    broken = drawn(clean)
    broken[1] = replace(broken[1], image=broken[1].image * 1e38 * 1e5)
    analyser = Pathways(model)
    analyser.begin(clean, latent(model, clean.image[None], batch_size=2, axis=None, output=True))
    images = torch.stack([draw.image for draw in broken])
    seen = latent(model, images, batch_size=2, axis=None, output=True)
    assert not seen.answered
    analyser.observe(Draws(0, seen, None, broken, 2))
    (finding,) = analyser.end()
    assert (finding.value, finding.reason) == (None, NOT_FINITE)


def test_the_two_parts_are_drawn_in_a_panel_for_each_model() -> None:
    models = {"vq": small("16x4", classes=4), "plain": small("none", classes=4)}
    analysis = robustq.analyse(models, "phantom:cases=2,domain=A", check="pathways", levels=[10, 30], draws=2)
    frame = analysis.to_frame()
    (figure,) = Pathways.figures(frame, list(models)).values()
    assert [panel.get_title() for panel in figure.axes] == ["vq", "plain"]
    lines = figure.axes[0].get_lines()[:2]
    vq = frame[(frame["model"] == "vq") & (frame["level"] == 30)]
    for line, metric in zip(lines, ("through_bottleneck", "around_bottleneck"), strict=True):
        assert np.asarray(line.get_ydata(), float)[-1] == pytest.approx(vq[vq["metric"] == metric]["value"].mean())


def test_the_note_on_skips_says_where_their_figures_stand() -> None:
    (note,) = Pathways.setting_notes("skips")
    assert "stands in the next table (--details)" in note
    assert Pathways.setting_notes("") == ()


def test_another_setting_is_refused() -> None:
    with pytest.raises(RequestError, match="pathways@skips"):
        Pathways(small(), "scales")
