"""What both pictures are asked for with."""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from prometheus import Span

LOCAL = "http://127.0.0.1:30090"


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Which dashboard, from which Prometheus, over which span, into which file."""

    dashboard: str
    picture: Path
    prometheus: str
    span: Span

    @classmethod
    def parse(cls, description: str | None, given: Sequence[str] | None) -> "Arguments":
        """Read the command line."""
        parser = argparse.ArgumentParser(description=description)
        parser.add_argument("dashboard", help="a dashboard's JSON; - reads it from standard input")
        parser.add_argument("picture", type=Path, help="the PNG to write")
        parser.add_argument(
            "--prometheus", default=LOCAL, metavar="URL", help=f"where to ask (the local cluster's, {LOCAL})"
        )
        parser.add_argument("--minutes", type=float, default=30, help="how long the span is (30)")
        parser.add_argument("--end", type=_time, help="when it ends, in ISO 8601, UTC unless it says (now)")
        parser.add_argument(
            "--scrape-seconds", type=float, default=15, help="how often Prometheus scrapes the pods (15)"
        )
        options = parser.parse_args(given)
        end = time.time() if options.end is None else options.end
        return cls(
            dashboard=options.dashboard,
            picture=options.picture,
            prometheus=options.prometheus,
            span=Span(start=end - options.minutes * 60, end=end, scrape_seconds=options.scrape_seconds),
        )


def _time(text: str) -> float:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
