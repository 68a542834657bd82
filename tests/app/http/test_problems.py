"""The error response for each error."""

from http import HTTPStatus

import pytest

from app import errors
from app.errors import RequestError
from app.http import problems
from app.serving.metrics import ALL_REASONS, CODES
from app.signature import Tensor

EXPECTED = [
    (errors.InvalidInput("why"), 400, "invalid", {}),
    (errors.ModelNotFound("why"), 404, "unknown_model", {}),
    (errors.TooLarge("why"), 413, "too_large", {}),
    (errors.InternalError(), 500, None, {}),
    (errors.ModelNotReady("why"), 503, "not_ready", {"retry-after": "1"}),
    (errors.Overloaded("why", 4.2), 503, "overloaded", {"retry-after": "5"}),
    (errors.ReceiveBufferFull("why"), 503, "memory", {"retry-after": "1"}),
    (errors.DeadlineExceeded(), 504, "expired", {}),
]


@pytest.mark.parametrize(("error", "status", "reason", "headers"), EXPECTED)
def test_each_error_has_its_status_reason_and_headers(
    error: RequestError, status: int, reason: str | None, headers: dict[str, str]
):
    problem = problems.from_error(error)

    assert (problem.status, problem.reason, problem.headers) == (status, reason, headers)
    assert problem.detail == error.detail


def test_every_error_that_can_be_raised_is_in_the_table():
    classes = {value for value in vars(errors).values() if isinstance(value, type)}
    request_errors = {cls for cls in classes if issubclass(cls, RequestError)}

    assert set(problems.STATUSES) == request_errors - {RequestError, errors.Unavailable}


def test_the_metrics_have_a_series_for_every_status_and_reason():
    for error, *_ in EXPECTED:
        problem = problems.from_error(error)
        assert problem.status in CODES
        assert problem.reason in {*ALL_REASONS, None}


def test_a_problem_becomes_a_problem_details_response():
    response = problems.to_response(problems.Problem(HTTPStatus.BAD_REQUEST, "why"), "id")

    assert (response.status, response.content_type) == (400, "application/problem+json")
    assert (response.reason, response.detail) == ("invalid", "why")


def test_an_error_in_an_input_gives_its_name_datatype_and_shape():
    tensor = Tensor(name="x", datatype="FP32", shape=(-1, 3))

    content = problems.from_error(errors.InvalidInput("why", tensor=tensor)).content()

    assert content["tensor"] == "x"
    assert content["expected"] == {"datatype": "FP32", "shape": (-1, 3)}
