"""The page in a real browser: it says nothing on the console, fits every screen, and its controls work."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rows
from robustq.results.gallery import Kept, keep_picture
from robustq.results.page import write_page
from robustq.results.rows import Row
from stored_runs import stored_run

pytestmark = pytest.mark.page

HOSTILE = ("<script>alert(1)</script>", "n" * 300, "שלום<b>", "🫁")


def made(model: str, slope: float, seed: int) -> list[Row]:
    whole = rows.run(model, rows.declining(slope, seed), groups=6, noises=("gaussian", "poisson", HOSTILE[2]))
    return [replace(row, domain="A" if int(row.group) < 3 else "B") for row in whole]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with two domains, hostile names, and a volume of four slices in its gallery."""
    run = tmp_path_factory.mktemp("page") / "run"
    stored_run(run, made("unet", 0.012, 0) + made(HOSTILE[1], 0.005, 1) + made(HOSTILE[0], 0.001, 2))
    volume = np.random.default_rng(0).integers(0, 255, (4, 24, 24), np.uint8)
    marks = np.random.default_rng(1).integers(0, 5, (1, 2, 4, 24, 24), np.uint8)
    kept = Kept(HOSTILE[0], "gaussian", 30.0, ["unet"], [("dice 0.90", "dice 0.40")])
    images = {"clean": volume, "truth": marks[0, 0] % 2, "perturbed": [volume[::-1]], "marks": marks}
    stacks = {"level_images": volume[None, :2], "level_truths": marks[:1, 0, :2] % 2, "level_answers": marks[:, 0, :2]}
    keep_picture(run, 1, kept, **images, stacks=stacks)
    (run / "commands.json").write_text(
        '[{"command": "stress", "line": "robustq stress --data \'<b>\'", "hardware": "a processor", '
        '"started": "2026-01-01T00:00:00+00:00", "finished": "2026-01-01T00:03:00+00:00"}]'
    )
    return write_page([run])


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def shown(browser: Any, page: Path) -> Iterator[Any]:
    """The page on a wide screen; whatever the console says fails the test."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab = context.new_page()
    said: list[str] = []
    tab.on("console", lambda message: said.append(message.text))
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.on("dialog", lambda dialog: said.append(dialog.message))
    tab.on("request", lambda request: said.append(request.url) if request.url.startswith("http") else None)
    tab.goto(page.as_uri())
    yield tab
    context.close()
    assert said == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 768, 1440])
def test_nothing_is_wider_than_the_screen(browser: Any, page: Path, width: int, scheme: str) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    tab = context.new_page()
    tab.goto(page.as_uri())
    tab.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_fault_that_keeps_people_out(browser: Any, page: Path, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme=scheme, bypass_csp=True)
    tab = context.new_page()
    tab.goto(page.as_uri())
    tab.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    faults = axe.run(tab).response["violations"]
    assert [(fault["id"], fault["nodes"][0]["html"]) for fault in faults] == []
    context.close()


def column(tab: Any, place: int) -> list[float]:
    cells = tab.locator(f"table.matrix tbody tr td:nth-child({place})").all()
    return [float(cell.get_attribute("data-value")) for cell in cells]


def test_a_click_on_a_column_sorts_and_a_second_click_turns_the_order_round(shown: Any) -> None:
    before = column(shown, 6)  # perturbation, domain, model, 0 %, 10 %, 30 %
    button = shown.locator("table.matrix thead th:nth-child(6) button")
    button.click()
    assert column(shown, 6) == sorted(before)
    assert shown.locator("th[aria-sort=ascending]").count() == 1
    button.focus()
    shown.keyboard.press("Enter")
    assert column(shown, 6) == sorted(before, reverse=True)


def test_filters_leave_what_was_chosen(shown: Any) -> None:
    visible = "table.matrix tbody tr:visible"
    assert shown.locator(visible).count() == 3 * 2 * 4  # three perturbations, and the mean over them
    shown.locator("select[data-filter=perturbation]").select_option("poisson")
    assert shown.locator(visible).count() == 2 * 3
    shown.locator("select[data-filter=domain]").select_option("B")
    assert shown.locator(visible).count() == 3
    shown.locator("input[data-model='0']").uncheck()
    assert shown.locator(visible).count() == 2
    assert shown.locator("figure.panel:visible").count() == 1
    assert shown.locator("figure.panel:visible g[data-line]:visible").count() == 2


def test_the_curves_of_a_label_are_shown_on_demand(shown: Any) -> None:
    panels = "figure.panel:visible"
    assert shown.locator(panels).first.get_attribute("data-label") == ""
    shown.locator("select[data-filter=label]").select_option("lung")
    assert {panel.get_attribute("data-label") for panel in shown.locator(panels).all()} == {"lung"}
    shown.locator("input[data-values]").check()
    assert shown.locator(f"{panels} text.value").first.is_visible()


def test_the_slider_shows_one_slice_at_a_time(shown: Any) -> None:
    slider = shown.locator("input[data-slices]")
    slider.focus()
    shown.keyboard.press("Home")
    assert [part.get_attribute("data-slice") for part in shown.locator(".views:visible").all()] == ["0"]
    shown.keyboard.press("ArrowRight")
    assert [part.get_attribute("data-slice") for part in shown.locator(".views:visible").all()] == ["1"]


def test_the_command_is_copied(shown: Any) -> None:
    shown.locator("button.copy").click()
    shown.wait_for_function("document.querySelector('button.copy').textContent === 'Copied'")
    assert shown.evaluate("navigator.clipboard.readText()") == "robustq stress --data '<b>'"


def test_every_picture_has_a_text_and_every_control_a_name(shown: Any) -> None:
    assert shown.locator("img:not([alt])").count() == 0
    assert shown.locator("svg:not([aria-hidden]):not([aria-label])").count() == 0
    named = "(e) => e.labels?.length || e.textContent.trim() || e.getAttribute('aria-label')"
    for control in shown.locator("button, input, select").all():
        assert control.evaluate(named)
    levels = shown.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map((h) => Number(h.tagName[1]))")
    assert levels[0] == 1


def test_on_paper_every_part_is_open(shown: Any) -> None:
    shown.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert shown.locator("details:not([open])").count() == 0
