"""What a Prometheus answers to a query over a span of time."""

from dataclasses import dataclass
from types import TracebackType
from typing import Any

import httpx

POINTS = 360
"""How many values a line has."""

Labels = dict[str, str]


class PictureError(Exception):
    """Why there is no picture, and what to do."""


@dataclass(frozen=True, kw_only=True)
class Span:
    """A span of time, in Unix seconds."""

    start: float
    end: float
    scrape_seconds: float
    """How often Prometheus looks at the pods."""

    @property
    def step(self) -> float:
        """Seconds from one value to the next."""
        return (self.end - self.start) / POINTS

    @property
    def rate_interval(self) -> float:
        """Grafana's `$__rate_interval` in seconds: at least four scrapes."""
        return max(self.step + self.scrape_seconds, 4 * self.scrape_seconds)


@dataclass(frozen=True, kw_only=True)
class Series:
    """The values of one series at their times, in Unix seconds. A gap is a time that is missing."""

    labels: Labels
    times: list[float]
    values: list[float]


class Prometheus:
    """A Prometheus server, over its HTTP API: https://prometheus.io/docs/prometheus/latest/querying/api/."""

    def __init__(self, url: str) -> None:
        self._url = url
        # What is asked is at hand: no proxy that the environment names is in between.
        self._client = httpx.Client(base_url=url, timeout=30, trust_env=False)

    def __enter__(self) -> "Prometheus":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def over(self, query: str, span: Span) -> list[Series]:
        """Return the series that a query gives over a span, in Prometheus' order.

        Raises:
            PictureError: Prometheus cannot be reached, or refuses the query.

        """
        form = {
            "query": query,
            "start": str(span.start),
            "end": str(span.end),
            "step": str(span.step),
        }
        try:
            answer = self._client.post("/api/v1/query_range", data=form)
            body: dict[str, Any] = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise PictureError(
                f"{self._url} answers as no Prometheus does ({error}): is it running?"
            ) from error
        if body.get("status") != "success":
            raise PictureError(f"Prometheus refuses {query}\n  {body.get('error', answer.text)}")
        return [_series(result) for result in body["data"]["result"]]


def _series(result: dict[str, Any]) -> Series:
    pairs: list[tuple[float, str]] = result["values"]
    values = [(time, float(value)) for time, value in pairs]
    # Quantiles of no requests are not a number: a gap, as in Grafana.
    known = [(time, value) for time, value in values if value == value]
    return Series(
        labels=result["metric"], times=[time for time, _ in known], values=[value for _, value in known]
    )
