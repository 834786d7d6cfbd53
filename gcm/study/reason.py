"""Reasons, each said once."""

from collections.abc import Iterable


def by_reason(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Return for each reason all that it holds for, from pairs of what and why, in their order and without
    repetition.
    """
    found: dict[str, dict[str, None]] = {}
    for what, reason in pairs:
        found.setdefault(reason, {})[what] = None
    return {reason: list(names) for reason, names in found.items()}
