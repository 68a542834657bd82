"""The files and headers of the pages; tests/app/http/web opens the pages in a browser."""

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urljoin

import pytest

from app.http.api import create_app
from app.serving.service import Service
from tests.app.conftest import VERSION, Client, settings_of

PAGES = pytest.mark.parametrize("page", ["/", "/docs"])


def addresses(text: str) -> list[str]:
    """Return the addresses in the links, file references, imports and requests of a page."""
    pairs = re.findall(r'(?:href|src)="([^"]+)"|(?:from|fetch\() ?"([^"]+)"', text)
    return [in_html or in_script for in_html, in_script in pairs]


@PAGES
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_page_may_load_files_only_from_its_own_server(page: str, method: str, client: Client):
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
def test_every_address_in_a_page_is_relative_and_works(page: str, client: Client):
    found = addresses(client.get(page).text)

    assert len(found) >= 4
    for address in found:
        assert not re.match(r"\w+:|/", address), address
        assert client.get(urljoin(page, address)).status_code == 200, address


@PAGES
def test_a_page_has_no_inline_script_or_style(page: str, client: Client):
    text = client.get(page).text

    assert not re.findall(r"<script(?![^>]*src=)|<style| on\w+=| style=", text)


@pytest.mark.parametrize("file", ["/web/page.js", "/web/page.css", "/swagger-ui/swagger-ui-bundle.js"])
def test_files_have_a_content_type_that_browsers_do_not_guess(file: str, client: Client):
    response = client.get(file)

    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["content-type"].startswith(("text/javascript", "text/css"))


def test_our_own_files_are_not_cached_and_those_of_swagger_ui_are_revalidated(client: Client):
    bundle = client.get("/swagger-ui/swagger-ui-bundle.js").headers
    revalidated = client.request(
        "GET", "/swagger-ui/swagger-ui-bundle.js", headers={"if-none-match": bundle["etag"]}
    )

    assert (bundle["cache-control"], revalidated.status_code) == ("no-cache", 304)
    for file in ("/", "/docs", "/web/page.js", "/web/model.json"):
        assert client.get(file).headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/web/none.js", "/web/%2e%2e/api.py", "/web/..%2fapi.py", "/web/"])
def test_only_the_files_of_the_pages_are_served(path: str, client: Client):
    response = client.get(path)

    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"


def test_the_page_gets_the_facts_about_the_model(tiny: Path, client_of: Callable[..., Client]):
    facts = client_of(tiny).get("/web/model.json").json()

    assert (facts["name"], facts["version"]) == ("tiny", VERSION)
    assert (facts["state"], facts["device"], facts["runtime"]) == ("ready", "cpu", "onnx")
    assert facts["media_types"] == ["application/json", "application/octet-stream"]
    assert facts["example"] == [[0, pytest.approx(0.1), pytest.approx(0.2)], pytest.approx([0.3, 0.4, 0.5])]
    assert facts["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [-1, 2, 3], "batched": True}]
    assert facts["asks"] is None


def test_the_page_is_told_that_the_model_accepts_pictures(colours: Path, client_of: Callable[..., Client]):
    facts = client_of(colours).get("/web/model.json").json()

    assert {"image/jpeg", "image/png"} <= set(facts["media_types"])


def test_an_example_that_is_too_long_to_read_is_left_out(
    tiny: Path, client_of: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("app.http.openapi.MAX_EXAMPLE_VALUES", 5)

    assert client_of(tiny).get("/web/model.json").json()["example"] is None


def test_the_page_is_served_while_the_model_loads(tiny: Path):
    service = Service(settings_of(model_path=tiny))
    client = Client(create_app(service))

    assert client.get("/").status_code == 200
    assert client.get("/web/model.json").json()["state"] == "loading"
    service.close()


def test_the_pages_are_not_in_the_openapi_document(client: Client):
    paths = client.get("/openapi.json").json()["paths"]

    assert not [path for path in paths if path in {"/", "/docs"} or path.startswith(("/web", "/swagger-ui"))]
