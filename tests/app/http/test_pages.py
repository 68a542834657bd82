"""The pages' files and headers; tests/app/web opens them in a browser."""

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urljoin

import pytest

from app.http.api import create_app
from app.serving.service import Service
from app.settings import Settings
from tests.app.conftest import VERSION, Client

PAGES = pytest.mark.parametrize("page", ["/", "/docs"])


def addresses(text: str) -> list[str]:
    """Return what a page or a script refers to."""
    return re.findall(r'(?:href|src)="([^"]+)"|(?:from|fetch\() ?"([^"]+)"', text)


@PAGES
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_page_may_load_from_its_own_server_only(page: str, method: str, client: Client):
    response = client.request(method, page)

    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["x-content-type-options"] == "nosniff"
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "style-src 'self';" in policy
    assert "unsafe" not in policy


@PAGES
def test_every_address_in_a_page_is_relative_and_answers(page: str, client: Client):
    found = [one for pair in addresses(client.get(page).text) for one in pair if one]

    assert len(found) >= 4
    for address in found:
        assert not re.match(r"\w+:|/", address), address
        assert client.get(urljoin(page, address)).status_code == 200, address


@PAGES
def test_a_page_has_no_script_or_style_of_its_own(page: str, client: Client):
    text = client.get(page).text

    assert not re.findall(r"<script(?![^>]*src=)|<style| on\w+=| style=", text)


@pytest.mark.parametrize("file", ["/web/page.js", "/web/page.css", "/swagger-ui/swagger-ui-bundle.js"])
def test_a_browser_does_not_guess_what_a_file_is(file: str, client: Client):
    response = client.get(file)

    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["content-type"].startswith(("text/javascript", "text/css"))


def test_our_own_files_are_never_kept_and_swagger_uis_are_asked_for_again(client: Client):
    bundle = client.get("/swagger-ui/swagger-ui-bundle.js").headers
    again = client.request(
        "GET", "/swagger-ui/swagger-ui-bundle.js", headers={"if-none-match": bundle["etag"]}
    )

    assert (bundle["cache-control"], again.status_code) == ("no-cache", 304)
    for file in ("/", "/docs", "/web/page.js", "/web/model.json"):
        assert client.get(file).headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/web/none.js", "/web/%2e%2e/api.py", "/web/..%2fapi.py", "/web/"])
def test_nothing_but_the_pages_files_is_served(path: str, client: Client):
    response = client.get(path)

    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"


def test_the_page_is_told_what_is_served(tiny: Path, client_of: Callable[..., Client]):
    told = client_of(tiny).get("/web/model.json").json()

    assert (told["name"], told["version"]) == ("tiny", VERSION)
    assert (told["state"], told["device"], told["runtime"]) == ("ready", "cpu", "onnx")
    assert told["media_types"] == ["application/json", "application/octet-stream"]
    assert told["example"] == [[0, pytest.approx(0.1), pytest.approx(0.2)], pytest.approx([0.3, 0.4, 0.5])]
    assert told["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [-1, 2, 3]}]


def test_the_page_is_told_that_pictures_are_taken(colours: Path, client_of: Callable[..., Client]):
    told = client_of(colours).get("/web/model.json").json()

    assert {"image/jpeg", "image/png"} <= set(told["media_types"])


def test_an_example_that_nobody_can_read_is_left_out(
    tiny: Path, client_of: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("app.http.openapi.EXAMPLE_VALUES", 5)

    assert client_of(tiny).get("/web/model.json").json()["example"] is None


def test_the_page_is_there_while_the_model_loads(tiny: Path):
    service = Service(Settings(model_path=tiny))
    client = Client(create_app(service))

    assert client.get("/").status_code == 200
    assert client.get("/web/model.json").json()["state"] == "loading"
    service.close()


def test_the_pages_are_not_in_the_document_of_the_api(client: Client):
    paths = client.get("/openapi.json").json()["paths"]

    assert not [path for path in paths if path in {"/", "/docs"} or path.startswith(("/web", "/swagger-ui"))]
