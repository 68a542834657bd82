"""Numbers as Grafana writes them."""

import math

_SMALLER = ((1.0, "s", 1), (1e-3, "ms", 1e3), (1e-6, "µs", 1e6))
_LONGER = ((604800.0, "week"), (86400.0, "day"), (3600.0, "hour"), (60.0, "min"))
_THOUSANDS = ((1e9, "B"), (1e6, "M"), (1e3, "K"))


def write(value: float, unit: str) -> str:
    """Write a value of one of Grafana's units: s, percentunit, percent, bytes, reqps, short, none..."""
    if not math.isfinite(value):
        return "∞" if value > 0 else "-∞"
    match unit:
        case "s":
            return _seconds(value)
        case "percentunit":
            return f"{_digits(value * 100)}%"
        case "percent":
            return f"{_digits(value)}%"
        case "bytes":
            return _bytes(value)
        case "reqps":
            return f"{_thousands(value)} req/s"
        case "watt":
            return f"{_thousands(value)} W"
        case "none":
            return _digits(value)
        case _:
            return _thousands(value)


def _seconds(value: float) -> str:
    for least, unit in _LONGER:
        if abs(value) >= least:
            return f"{_digits(value / least)} {unit}"
    if value == 0:
        return "0 s"
    for least, unit, times in _SMALLER:
        if abs(value) >= least:
            return f"{_digits(value * times)} {unit}"
    return f"{_digits(value * 1e9)} ns"


def _bytes(value: float) -> str:
    power = min(int(math.log(abs(value), 1024)), 4) if abs(value) >= 1 else 0
    return f"{_digits(value / 1024**power)} {'KMGT'[power - 1] + 'iB' if power else 'B'}"


def _thousands(value: float) -> str:
    for least, unit in _THOUSANDS:
        if abs(value) >= least:
            return f"{_digits(value / least)} {unit}"
    return _digits(value)


def _digits(value: float) -> str:
    """Write three digits that mean something, and no zeros that mean nothing."""
    if value == 0:
        return "0"
    decimals = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:.{min(decimals, 4)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
