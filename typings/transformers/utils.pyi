"""The module for logging of Transformers."""

from typing import Any

logging: Any
