"""The metrics and labels that a PromQL expression names."""

import re
from collections.abc import Iterator

import promql_parser as promql

GRAFANA = re.compile(r"\$__\w+")
EVERY = frozenset({"*"})
"""Means all labels that a series has."""


def parse(expression: str) -> promql.Expr:
    """Parse an expression, which may contain Grafana's variables for durations."""
    return promql.parse(GRAFANA.sub("5m", expression))


def names(expression: str) -> dict[str, set[str]]:
    """Return, for each metric, the labels that an expression selects, groups or matches by."""
    found: dict[str, set[str]] = {}
    for metric, labels in _names(parse(expression)):
        found.setdefault(metric, set()).update(labels)
    return found


def selectors(node: promql.Expr) -> Iterator[promql.VectorSelector]:
    """Yield the selectors of an expression."""
    match node:
        case promql.VectorSelector():
            yield node
        case promql.MatrixSelector():
            yield node.vector_selector
        case promql.Call():
            for argument in node.args:
                yield from selectors(argument)
        case promql.BinaryExpr():
            yield from selectors(node.lhs)
            yield from selectors(node.rhs)
        case promql.AggregateExpr() | promql.ParenExpr() | promql.UnaryExpr() | promql.SubqueryExpr():
            yield from selectors(node.expr)
        case promql.NumberLiteral() | promql.StringLiteral():
            pass
        case _:
            raise AssertionError(f"unknown kind of PromQL: {node}")


def result(node: promql.Expr) -> frozenset[str]:
    """Return the labels of the result, or `EVERY`."""
    match node:
        case promql.AggregateExpr():
            if node.modifier is None:
                return frozenset()
            assert node.modifier.type == promql.AggModifierType.By
            return frozenset(node.modifier.labels)
        case promql.BinaryExpr():
            sides = (node.lhs, node.rhs)
            return result(next(side for side in sides if not isinstance(side, promql.NumberLiteral)))
        case promql.Call():
            (vector,) = (argument for argument in node.args if not isinstance(argument, promql.NumberLiteral))
            return result(vector) - ({"le"} if node.func.name == "histogram_quantile" else set())
        case promql.ParenExpr() | promql.UnaryExpr() | promql.SubqueryExpr():
            return result(node.expr)
        case _:
            return EVERY


def _names(node: promql.Expr) -> Iterator[tuple[str, set[str]]]:
    match node:
        case promql.MatrixSelector():
            yield from _names(node.vector_selector)
        case promql.VectorSelector():
            assert node.name, node
            yield node.name, {matcher.name for matcher in node.matchers.matchers}
        case promql.AggregateExpr():
            labels = set(node.modifier.labels) if node.modifier else set()
            yield from ((metric, asked | labels) for metric, asked in _names(node.expr))
        case promql.BinaryExpr():
            matching = node.modifier.matching if node.modifier else None
            labels = set(matching.labels) if matching else set()
            for side in (node.lhs, node.rhs):
                yield from ((metric, asked | labels) for metric, asked in _names(side))
        case promql.Call():
            labels = {"le"} if node.func.name == "histogram_quantile" else set()
            for argument in node.args:
                yield from ((metric, asked | labels) for metric, asked in _names(argument))
        case promql.ParenExpr() | promql.UnaryExpr() | promql.SubqueryExpr():
            yield from _names(node.expr)
        case promql.NumberLiteral() | promql.StringLiteral():
            pass
        case _:
            raise AssertionError(f"unknown kind of PromQL: {node}")
