"""The page in a real browser, over the real service with the model that comes with the package."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

DEMO = Path(__file__).parents[2] / "pipelines/demo"
CLIP = "d02_03"
HARM = "<img src=x onerror=alert(1)>"
START, ANSWER = 60.0, 60_000.0  # s to start; ms for the answer of a short clip, on busy cores
PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    pytest.importorskip("fastapi", reason="the extra web is not installed")
    folder = tmp_path_factory.mktemp("web")
    with (folder / "log").open("w+") as log:
        command = [sys.executable, "-m", "zoo.cli", "web", "--port", "0", "--device", "cpu"]
        server = subprocess.Popen(command, stderr=log, env=os.environ | {"ZOO_HOME": str(folder)})
        try:
            yield _ready(server, folder / "log")
        finally:
            server.terminate()
            server.wait(timeout=60)


def _ready(server: subprocess.Popen[bytes], log: Path) -> str:
    end = time.monotonic() + START
    while time.monotonic() < end and server.poll() is None:
        said = [json.loads(line) for line in log.read_text().splitlines() if line.endswith("}")]
        if any(line["event"] == "ready" for line in said):
            return next(str(line["url"]) for line in said if line["event"] == "listening")
        time.sleep(0.05)
    raise AssertionError(f"the service does not get ready: {log.read_text()}")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium is installed")
    with api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def seen() -> dict[str, list[str]]:
    """What the pages asked for, and what they complained of."""
    return {"requests": [], "complaints": []}


@pytest.fixture
def page(browser: Any, address: str, seen: dict[str, list[str]]) -> Iterator[Any]:
    context = _context(browser, seen)
    yield _open(context, address)
    context.close()


@pytest.fixture(scope="module")
def result(browser: Any, address: str, seen: dict[str, list[str]]) -> Iterator[Any]:
    """A page with the answer for a clip."""
    context = _context(browser, seen)
    page = _open(context, address)
    with (DEMO / "utterances.csv").open(encoding="utf-8") as table:
        said = next(row["transcript"] for row in csv.DictReader(table) if row["id"] == CLIP)
    _analyse(page, f"{CLIP}.mp4", said)
    yield page
    context.close()


def _analyse(page: Any, name: str, transcript: str) -> None:
    clip = {"name": name, "mimeType": "video/mp4", "buffer": (DEMO / f"clips/{CLIP}.mp4").read_bytes()}
    page.set_input_files("#clip", clip)
    page.fill("#transcript", transcript)
    page.get_by_role("button", name="Analyse").click()
    page.locator("#result").wait_for(timeout=ANSWER)


def _context(browser: Any, seen: dict[str, list[str]]) -> Any:
    context = browser.new_context(viewport=DESKTOP)
    context.on("request", lambda request: seen["requests"].append(request.url))
    context.on("console", lambda message: seen["complaints"].append(message.text))
    context.on("weberror", lambda error: seen["complaints"].append(str(error.error)))
    context.on("dialog", lambda dialog: (seen["complaints"].append("a dialog"), dialog.dismiss()))
    return context


def _open(context: Any, address: str) -> Any:
    page = context.new_page()
    page.goto(address)
    page.locator("#models dl").wait_for(timeout=START * 1000)
    return page


def _shown(page: Any) -> tuple[str, str]:
    """The curve as it is drawn, and the first answer in words."""
    return page.locator("#curve .line.steps").get_attribute("d"), page.locator("#utterances .answer").first.inner_text()


def _file(page: Any) -> dict[str, Any]:
    with page.expect_download() as download:
        page.get_by_role("link", name="Download JSON").click()
    return dict(json.loads(Path(download.value.path()).read_text(encoding="utf-8")))


def test_a_clip_becomes_words_a_curve_and_answers(result: Any) -> None:
    answer = _file(result)["answers"][0]

    words = result.locator("#words .word")
    assert words.count() >= 8
    assert [text.split("\n")[0] for text in words.all_inner_texts()] == [word["text"] for word in answer["words"]]
    curve, shown = _shown(result)
    assert curve.startswith("M")
    assert answer["answer"]["label"] in shown
    assert f"{abs(answer['answer']['score']):.2f}" in shown
    weights = result.locator("#utterances .weights").first.inner_text()
    assert all(f"{100 * share:.0f} %" in weights for share in answer["weights"].values())


def test_the_clip_can_be_played(result: Any) -> None:
    assert result.locator("video").evaluate("video => video.duration") > 1
    assert result.locator("#player-problem").is_hidden()


def test_a_modality_that_is_taken_away_redraws_and_comes_back(result: Any) -> None:
    answer, before = _file(result)["answers"][0], _shown(result)

    result.locator("label", has=result.locator("#keep-vision")).click()
    without = _shown(result)
    assert without[0] != before[0]
    assert f"{abs(answer['what_if']['text+audio']['score']):.2f}" in without[1]
    assert result.locator("#curve .complete.steps").get_attribute("d") == before[0]
    assert "text and voice alone" in result.locator("#effect").inner_text()

    result.locator("label", has=result.locator("#keep-vision")).click()
    assert _shown(result) == before


def test_with_everything_taken_away_the_page_says_that_nothing_is_left(result: Any) -> None:
    for name in ("text", "audio", "vision"):
        result.uncheck(f"#keep-{name}", force=True)

    assert "nothing to answer from" in result.locator("#effect").inner_text()
    assert result.locator("#utterances .answer").first.inner_text() == "everything is switched off"
    for name in ("text", "audio", "vision"):
        result.check(f"#keep-{name}", force=True)


def test_everything_can_be_reached_by_keyboard(result: Any) -> None:
    before = _shown(result)
    result.locator("#words .word").first.focus()
    for key in ("ArrowRight", "ArrowRight", "Enter"):
        result.keyboard.press(key)
    third = _file(result)["answers"][0]["words"][2]
    assert result.locator("video").evaluate("video => video.currentTime") == pytest.approx(third["start"], abs=1e-3)
    assert third["text"] in result.locator("#words [aria-current]").inner_text()

    result.locator("#words .word").nth(2).focus()
    for key in ("Tab", "Tab", "Space"):  # the curve, then the first switch
        result.keyboard.press(key)
    assert result.evaluate("document.activeElement.id") == "keep-text"
    assert _shown(result) != before
    result.keyboard.press("Space")
    assert _shown(result) == before


def test_a_click_on_the_curve_goes_there(result: Any) -> None:
    box = result.locator("#curve").bounding_box()
    result.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)

    middle = result.locator("video").evaluate("video => video.currentTime / video.duration")
    assert 0.4 < middle < 0.6
    assert float(result.locator("#curve").get_attribute("aria-valuenow")) > 0


def test_a_phone_needs_no_sideways_scrolling(result: Any) -> None:
    result.set_viewport_size(PHONE)
    result.locator("summary").click()
    width, inner = result.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    curve = result.locator("#curve").bounding_box()
    result.locator("summary").click()
    result.set_viewport_size(DESKTOP)

    assert width <= inner == 390
    assert curve["x"] >= 0
    assert curve["x"] + curve["width"] <= 390


def test_what_a_user_gives_never_becomes_markup(page: Any) -> None:
    _analyse(page, f"{HARM}.mp4", "word,start,end\nI,0.3,0.5\n<script>alert(2)</script>,0.5,0.9\n")

    assert page.locator("#result-title").inner_text() == f"{HARM}.mp4"
    assert page.locator("#utterances .quote").inner_text() == "I <script>alert(2)</script>"
    assert page.locator("img").count() == 0
    assert page.locator("body script").count() == 0


def test_a_file_that_is_no_clip_is_refused_in_words(page: Any) -> None:
    text = {"name": "notes.mp4", "mimeType": "video/mp4", "buffer": b"these are only notes\n" * 50}
    page.set_input_files("#clip", text)
    page.get_by_role("button", name="Analyse").click()

    problem = page.locator("#clip-problem")
    problem.wait_for(timeout=ANSWER)
    assert "No sound or video that can be read" in problem.inner_text()
    assert page.locator("#chosen").inner_text() == "notes.mp4, 1 kB"


def test_a_page_without_a_clip_asks_for_one(page: Any) -> None:
    page.get_by_role("button", name="Analyse").click()

    assert "No clip yet" in page.locator("#clip-problem").inner_text()
    assert page.evaluate("document.activeElement.id") == "clip"


def test_the_sample_takes_one_click_and_can_be_cancelled(page: Any) -> None:
    page.get_by_role("button", name="Try the sample clip").click()
    page.get_by_role("button", name="Cancel").click()

    assert page.locator("#ask").is_visible()
    assert page.locator("#wait").is_hidden()


def test_a_page_may_load_nothing_from_elsewhere(address: str) -> None:
    with urllib.request.urlopen(f"{address}/") as answer:
        policy = answer.headers["Content-Security-Policy"]

    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


def test_only_the_files_of_the_page_are_given_out(address: str) -> None:
    for name in ("page.py", "..%2fpage.py", "nothing.js"):
        with pytest.raises(urllib.error.HTTPError, match="404") as refused:
            urllib.request.urlopen(f"{address}/static/{name}")
        refused.value.close()


def test_no_request_left_the_machine_and_nothing_complained(
    address: str, result: Any, seen: dict[str, list[str]]
) -> None:
    local = (f"{address}/", f"blob:{address}/", "data:")

    assert len(seen["requests"]) > 10
    assert [url for url in seen["requests"] if not url.startswith(local)] == []
    # Chromium writes of every refused request into its console; the page says it in words.
    assert [text for text in seen["complaints"] if "status of 4" not in text] == []
