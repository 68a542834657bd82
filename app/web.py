"""Types of the settings that concern browsers and proxies: origins and the root path."""

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator
from pydantic_settings import NoDecode

ORIGIN = re.compile(r"https?://([0-9a-z.\-]+|\[[0-9a-f:]+\])(:\d{1,5})?")
"""What browsers send as Origin: https://html.spec.whatwg.org/#ascii-serialisation-of-an-origin."""

DEFAULT_PORT = re.compile(r"http:.*:80|https:.*:443")
"""An origin with the port of its scheme. Browsers leave that port out."""

ROOT_PATH = re.compile(r"(/[0-9A-Za-z._~\-]+)*")
OWN_PATHS = ("docs", "health", "openapi.json", "predict", "swagger-ui", "v2", "web")
"""The first segments of the server's own paths."""


def _elements(text: object) -> object:
    """Return the elements of a list that is written with commas."""
    if not isinstance(text, str):
        return text
    return tuple(element for part in text.split(",") if (element := part.strip()))


def _check_origins(origins: tuple[str, ...]) -> tuple[str, ...]:
    for origin in () if origins == ("*",) else origins:
        if not ORIGIN.fullmatch(origin) or DEFAULT_PORT.fullmatch(origin):
            raise ValueError(
                f"{origin} is not an origin as browsers send it, such as https://app.example.com: in lower "
                "case, without a path, and without the usual port of its scheme. `*` must stand alone."
            )
    return origins


def _check_root_path(path: str) -> str:
    if not ROOT_PATH.fullmatch(path):
        raise ValueError("it must be like /models/digits: it starts with / and does not end with /")
    if path[1:].split("/")[0] in OWN_PATHS:
        raise ValueError(f"it must not start with a path of the server itself: {', '.join(OWN_PATHS)}")
    return path


Origins = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_elements), AfterValidator(_check_origins)]
RootPath = Annotated[str, AfterValidator(_check_root_path)]
