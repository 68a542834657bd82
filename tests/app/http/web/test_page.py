"""The page at / in a real browser. Each test also checks that nothing fails and no other host is asked."""

import base64
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.app.browser import Watched
from tests.app.conftest import VERSION, picture
from tests.app.http.web.conftest import predict, started
from tests.app.process import Process
from tests.app.versions import times

Start = Callable[..., Process]
HURT = '<img src=x onerror="window.hurt = true">'


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


def test_the_page_tells_what_is_served(page: Page, tiny_server: Process):
    page.goto(tiny_server.url)

    expect(page.get_by_role("heading", name="tiny")).to_be_visible()
    expect(page.locator("#version")).to_have_text(VERSION)
    expect(page.locator("#device")).to_have_text("cpu")
    expect(page.get_by_role("status")).to_have_text("ready")
    expect(page).to_have_title("tiny · Slipway")


@pytest.mark.parametrize(
    ("colour", "label"), [((255, 0, 0), "red"), ((0, 255, 0), "green"), ((0, 0, 255), "blue")]
)
def test_a_picture_that_is_dropped_is_answered_with_its_label(
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
    # Playwright asks Chromium for the event when somebody listens, and does not wait for it. Asked before the
    # page is loaded, Chromium knows of it in time.
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
    ("content", "kind", "words"),
    [
        (b"GIF89a", "image/gif", "a.bin is image/gif. The model takes image/jpeg and image/png"),
        (b"?", "", "a.bin is no picture"),
        (b" " * (8 * 2**20 + 1), "image/png", "larger than the 8 MiB"),
    ],
)
def test_what_is_no_picture_of_the_models_is_not_sent(
    watched: Watched, colours_server: Process, content: bytes, kind: str, words: str
):
    page = watched.page
    page.goto(colours_server.url)
    expect(page.get_by_role("button", name="Predict")).to_be_enabled()
    drop(page, content, "a.bin", kind)
    predict(page)

    expect(page.get_by_role("alert")).to_contain_text(words)
    assert not [url for url in watched.requests if url.endswith("/predict")]


def test_a_broken_picture_is_refused_in_the_servers_words(page: Page, colours_server: Process):
    answer = httpx.post(f"{colours_server.url}/predict", content=b"?", headers={"content-type": "image/png"})
    page.goto(colours_server.url)
    expect(page.get_by_role("button", name="Predict")).to_be_enabled()
    drop(page, b"?", "a.png", "image/png")
    predict(page)

    expect(page.get_by_role("alert")).to_contain_text(answer.json()["detail"])


def test_the_example_is_there_to_send(page: Page, tiny_server: Process):
    page.goto(tiny_server.url)
    predict(page)

    expect(page.locator("#answer li").first).to_contain_text("twice")
    assert page.locator("#answer li").count() == 3
    page.get_by_text("As JSON").click()
    expect(page.locator("#whole-text")).to_contain_text('"model_version": "0123456789ab"')


def test_json_is_sent_with_the_keyboard_alone(page: Page, tiny_server: Process):
    page.goto(tiny_server.url)
    predict(page, "[0, 0, 0, 0, 0, 0]")
    expect(page.locator("#answer li").first).to_contain_text("33.3 %")
    page.locator("#json").fill("[100, 100, 100, 100, 100, 100]")
    page.locator("#json").press("Control+Enter")

    expect(page.locator("#answer li").first).to_contain_text("100.0 %")


@pytest.mark.parametrize("wrong", ["[1,", "[1, 2]", '{"y": 1}', '["a"]'])
def test_wrong_json_is_refused_in_the_servers_words(page: Page, tiny_server: Process, wrong: str):
    answer = httpx.post(f"{tiny_server.url}/predict", content=wrong)
    assert answer.status_code == 400
    page.goto(tiny_server.url)
    predict(page, wrong)

    expect(page.get_by_role("alert")).to_contain_text("400 Bad Request")
    expect(page.get_by_role("alert")).to_contain_text(answer.json()["detail"])
    expect(page.locator("#whole")).to_be_hidden()


def test_an_answer_without_labels_is_shown_as_json(page: Page, lookup_server: Process):
    page.goto(lookup_server.url)
    predict(page, '{"rows": [1, 2], "value": [0.5]}')

    expect(page.locator("#answer pre")).to_contain_text('"doubled": [1]')


def test_the_answer_to_many_samples_is_cut(page: Page, tiny_server: Process):
    page.goto(tiny_server.url)
    predict(page, json.dumps([[0] * 6] * 12))

    expect(page.get_by_text("Sample 10 of 12")).to_be_visible()
    expect(page.get_by_text("2 more are in the whole answer.")).to_be_visible()


def test_a_long_answer_is_cut(page: Page, start: Start, ragged: Path):
    page.goto(started(start, ragged).url)
    predict(page, json.dumps([[[0.123456789] * 1000]]))

    expect(page.locator("#answer pre")).to_contain_text("more characters")
    assert len(page.locator("#answer pre").inner_text()) < 5000


def test_names_of_the_model_are_text_and_never_markup(page: Page, start: Start, tiny: Path, tmp_path: Path):
    artifact = tmp_path / "hostile"
    shutil.copytree(tiny, artifact)
    signature = json.loads((artifact / "signature.json").read_text())
    labels = ["<script>window.hurt = true</script>", HURT, HURT]
    (artifact / "signature.json").write_text(json.dumps({**signature, "version": HURT, "labels": labels}))
    page.goto(started(start, artifact).url)
    predict(page, "[0, 0, 0, 0, 0, 0]")

    expect(page.locator("#answer .label")).to_have_text(labels)
    expect(page.locator("#version")).to_have_text(HURT)
    assert page.locator("#answer img, #answer script, #version img").count() == 0
    assert page.evaluate("window.hurt") is None


def test_the_page_follows_a_new_version(page: Page, start: Start, tmp_path: Path):
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


def test_a_server_that_is_gone_is_told(page: Page, start: Start, tiny: Path):
    server = started(start, tiny)
    page.goto(server.url)
    expect(page.get_by_role("button", name="Predict")).to_be_enabled()
    server.terminate()
    server.exit_code()
    predict(page)

    expect(page.get_by_role("alert")).to_contain_text("The server did not answer")
    expect(page.get_by_role("status")).to_have_text("no answer")


def test_the_metrics_are_linked_where_they_are_reached(page: Page, tiny_server: Process):
    page.goto(tiny_server.url)
    link = page.get_by_role("link", name="Metrics")

    expect(link).to_have_attribute("href", f"http://127.0.0.1:{tiny_server.metrics_port}/metrics")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_all_of_it_without_scrolling_sideways(
    browser: Browser, colours_server: Process, scheme: str
):
    with browser.new_context(viewport={"width": 320, "height": 640}, color_scheme=scheme) as context:
        page = context.new_page()
        page.goto(colours_server.url)
        expect(page.get_by_role("button", name="Predict")).to_be_visible()
        grounds = page.evaluate(
            "[document.body.scrollWidth, getComputedStyle(document.body).backgroundColor]"
        )

    width, ground = grounds
    assert width <= 320
    light = sum(int(part) for part in ground.removeprefix("rgb(").removesuffix(")").split(",")) / 3
    assert (light > 200) if scheme == "light" else (light < 50)
