"""The page at / in a real browser.

Each test also checks that no script or request fails, and that no other host is contacted.
"""

import base64
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.app.browser import Watched
from tests.app.conftest import VERSION, picture
from tests.app.http.web.conftest import predict, start_ready
from tests.app.process import Process
from tests.app.versions import times

Start = Callable[..., Process]
HOSTILE_HTML = '<img src=x onerror="window.attacked = true">'


def drop(page: Page, content: bytes, name: str, kind: str) -> None:
    transfer = page.evaluate_handle(
        """([content, name, type]) => {
          const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
          const transfer = new DataTransfer();
          transfer.items.add(new File([bytes], name, { type }));
          return transfer;
        }""",
        [base64.b64encode(content).decode(), name, kind],
    )
    page.dispatch_event("#drop", "drop", {"dataTransfer": transfer})


def test_the_page_shows_the_facts_about_the_model(page: Page, tiny_server: Process):
    page.goto(tiny_server.url)

    expect(page.get_by_role("heading", name="tiny")).to_be_visible()
    expect(page.locator("#version")).to_have_text(VERSION)
    expect(page.locator("#device")).to_have_text("cpu")
    expect(page.get_by_role("status")).to_have_text("ready")
    expect(page).to_have_title("tiny · Slipway")


@pytest.mark.parametrize(
    ("colour", "label"), [((255, 0, 0), "red"), ((0, 255, 0), "green"), ((0, 0, 255), "blue")]
)
def test_a_dropped_picture_gets_its_label(
    page: Page, colours_server: Process, colour: tuple[int, int, int], label: str
):
    page.goto(colours_server.url)
    expect(page.locator("#picture-input")).to_be_visible()
    drop(page, picture(colour), "a.png", "image/png")
    predict(page)

    first = page.locator("#answer li").first
    expect(first.locator(".label")).to_have_text(label)
    expect(first.locator(".score")).to_have_text("100.0 %")
    assert first.locator(".fill").evaluate("bar => bar.style.width") == "100%"
    assert page.locator("#time").inner_text().endswith(f" ms, version {VERSION}")


def test_a_picture_can_be_chosen_with_the_keyboard_alone(page: Page, colours_server: Process):
    # Playwright subscribes to this event without waiting for Chromium. Subscribe before loading the page, so
    # that Chromium knows it in time.
    page.on("filechooser", lambda _chooser: None)
    page.goto(colours_server.url)
    page.locator("#file").wait_for(state="attached")
    expect(page.get_by_role("button", name="Predict")).to_be_enabled()
    page.locator("#file").focus()
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files({"name": "b.png", "mimeType": "image/png", "buffer": picture((0, 0, 255))})
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    expect(page.locator("#answer li").first).to_contain_text("blue")


@pytest.mark.parametrize(
    ("content", "kind", "message"),
    [
        (b"GIF89a", "image/gif", "a.bin is image/gif. The model accepts image/jpeg and image/png"),
        (b"?", "", "a.bin is not a picture"),
        (b" " * (8 * 2**20 + 1), "image/png", "larger than the limit of 8 MiB"),
    ],
)
def test_a_file_that_the_model_does_not_accept_is_not_sent(
    watched: Watched, colours_server: Process, content: bytes, kind: str, message: str
):
    page = watched.page
    page.goto(colours_server.url)
    expect(page.get_by_role("button", name="Predict")).to_be_enabled()
    drop(page, content, "a.bin", kind)
    predict(page)

    expect(page.get_by_role("alert")).to_contain_text(message)
    assert not [url for url in watched.requests if url.endswith("/predict")]


def test_a_broken_picture_shows_the_error_of_the_server(page: Page, colours_server: Process):
    response = httpx.post(
        f"{colours_server.url}/predict", content=b"?", headers={"content-type": "image/png"}
    )
    page.goto(colours_server.url)
    expect(page.get_by_role("button", name="Predict")).to_be_enabled()
    drop(page, b"?", "a.png", "image/png")
    predict(page)

    expect(page.get_by_role("alert")).to_contain_text(response.json()["detail"])


def test_the_example_can_be_sent_at_once(page: Page, tiny_server: Process):
    page.goto(tiny_server.url)
    predict(page)

    expect(page.locator("#answer li").first).to_contain_text("twice")
    assert page.locator("#answer li").count() == 3
    page.get_by_text("As JSON").click()
    expect(page.locator("#response-json")).to_contain_text('"model_version": "0123456789ab"')


def test_json_can_be_sent_with_the_keyboard_alone(page: Page, tiny_server: Process):
    page.goto(tiny_server.url)
    predict(page, "[0, 0, 0, 0, 0, 0]")
    expect(page.locator("#answer li").first).to_contain_text("33.3 %")
    page.locator("#json").fill("[100, 100, 100, 100, 100, 100]")
    page.locator("#json").press("Control+Enter")

    expect(page.locator("#answer li").first).to_contain_text("100.0 %")


@pytest.mark.parametrize("invalid_json", ["[1,", "[1, 2]", '{"y": 1}', '["a"]'])
def test_invalid_json_shows_the_error_of_the_server(page: Page, tiny_server: Process, invalid_json: str):
    response = httpx.post(f"{tiny_server.url}/predict", content=invalid_json)
    assert response.status_code == 400
    page.goto(tiny_server.url)
    predict(page, invalid_json)

    expect(page.get_by_role("alert")).to_contain_text("400 Bad Request")
    expect(page.get_by_role("alert")).to_contain_text(response.json()["detail"])
    expect(page.locator("#response-details")).to_be_hidden()


def test_predictions_without_labels_are_shown_as_json(page: Page, lookup_server: Process):
    page.goto(lookup_server.url)
    predict(page, '{"rows": [1, 2], "value": [0.5]}')

    expect(page.locator("#answer pre")).to_contain_text('"doubled": [1]')


def test_only_the_first_of_many_predictions_are_shown(page: Page, tiny_server: Process):
    page.goto(tiny_server.url)
    predict(page, json.dumps([[0] * 6] * 12))

    expect(page.get_by_text("Sample 10 of 12")).to_be_visible()
    expect(page.get_by_text("2 more are in the complete response.")).to_be_visible()


def test_a_long_prediction_is_shortened(page: Page, start: Start, ragged: Path):
    page.goto(start_ready(start, ragged).url)
    predict(page, json.dumps([[[0.123456789] * 1000]]))

    expect(page.locator("#answer pre")).to_contain_text("more characters")
    assert len(page.locator("#answer pre").inner_text()) < 5000


def test_names_of_the_model_are_shown_as_text_and_not_as_html(
    page: Page, start: Start, tiny: Path, tmp_path: Path
):
    artifact = tmp_path / "hostile"
    shutil.copytree(tiny, artifact)
    signature = json.loads((artifact / "signature.json").read_text())
    labels = ["<script>window.attacked = true</script>", HOSTILE_HTML, HOSTILE_HTML]
    (artifact / "signature.json").write_text(
        json.dumps({**signature, "version": HOSTILE_HTML, "labels": labels})
    )
    page.goto(start_ready(start, artifact).url)
    predict(page, "[0, 0, 0, 0, 0, 0]")

    expect(page.locator("#answer .label")).to_have_text(labels)
    expect(page.locator("#version")).to_have_text(HOSTILE_HTML)
    assert page.locator("#answer img, #answer script, #version img").count() == 0
    assert page.evaluate("window.attacked") is None


def test_the_page_shows_a_new_version_when_it_is_served(page: Page, start: Start, tmp_path: Path):
    link = tmp_path / "latest"
    link.symlink_to(times(2, tmp_path / "v2"))
    server = start(link, reload_seconds=0.05)
    server.wait_for("/health/ready")
    page.goto(server.url)
    expect(page.locator("#version")).to_have_text("v2")
    times(3, tmp_path / "v3")
    (tmp_path / "new").symlink_to("v3")
    (tmp_path / "new").replace(link)

    expect(page.locator("#version")).to_have_text("v3")


def test_the_page_shows_that_the_server_does_not_answer(page: Page, start: Start, tiny: Path):
    server = start_ready(start, tiny)
    page.goto(server.url)
    expect(page.get_by_role("button", name="Predict")).to_be_enabled()
    server.terminate()
    server.exit_code()
    predict(page)

    expect(page.get_by_role("alert")).to_contain_text("The server did not answer")
    expect(page.get_by_role("status")).to_have_text("no answer")


def test_the_page_links_the_metrics_if_it_can_reach_them(page: Page, tiny_server: Process):
    page.goto(tiny_server.url)
    link = page.get_by_role("link", name="Metrics")

    expect(link).to_have_attribute("href", f"http://127.0.0.1:{tiny_server.metrics_port}/metrics")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_on_a_phone_without_horizontal_scrolling(
    browser: Browser, colours_server: Process, scheme: Literal["light", "dark"]
):
    with browser.new_context(viewport={"width": 320, "height": 640}, color_scheme=scheme) as context:
        page = context.new_page()
        page.goto(colours_server.url)
        expect(page.get_by_role("button", name="Predict")).to_be_visible()
        width, background = page.evaluate(
            "[document.body.scrollWidth, getComputedStyle(document.body).backgroundColor]"
        )

    assert width <= 320
    channels = background.removeprefix("rgb(").removesuffix(")").split(",")
    brightness = sum(int(channel) for channel in channels) / 3
    assert (brightness > 200) if scheme == "light" else (brightness < 50)
