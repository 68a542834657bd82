"""Checks of responses that several tests share."""

import httpx
from jsonschema import Draft202012Validator

from tests.app.conftest import Client


def check_problem(response: httpx.Response, status: int) -> dict:
    """Check that a response is a problem with this status; return the problem details."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["type"] == "about:blank"
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    return problem


def operation(client: Client, path: str = "/predict", method: str = "post") -> dict:
    """Return an operation of the OpenAPI document."""
    return client.get("/openapi.json").json()["paths"][path][method]


def check_documented(documented: dict, response: httpx.Response) -> None:
    """Check a response against the documented responses of its operation."""
    content = documented[str(response.status_code)]["content"][response.headers["content-type"]]
    Draft202012Validator(content["schema"]).validate(response.json())
