"""A paper's claim: what it needs, how it is measured, and the verdict."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gcm.report.evidence import Evidence, Lack
from gcm.zoo import Card

SUPPORTED, CONTRADICTED, INCONCLUSIVE, NOT_TESTABLE = "supported", "contradicted", "inconclusive", "not testable here"

Finding = tuple[str, str]
"""The measured number, and the verdict."""


@dataclass(frozen=True)
class JudgedClaim:
    """A paper's claim with its verdict.

    Attributes:
        claim: what the paper says.
        source: which paper, which section.
        measured: our numbers.
        verdict: one of the four.
        lack: what it lacks, where it is not testable here.
    """

    claim: str
    source: str
    measured: str
    verdict: str
    lack: Lack | None


@dataclass(frozen=True)
class Claim:
    """A claim that can be tested: what it needs, and how it is measured.

    Attributes:
        claim, source: as in `JudgedClaim`.
        needs: names of the networks.
        measure: measures and judges.
    """

    claim: str
    source: str
    needs: Sequence[str]
    measure: Callable[[Evidence], Finding]

    def judged(self, evidence: Evidence) -> JudgedClaim:
        lack = evidence.lacks(*self.needs)
        measured, verdict = (str(lack), NOT_TESTABLE) if lack else self.measure(evidence)
        if verdict == NOT_TESTABLE:
            lack = lack or Lack("", measured)
        return JudgedClaim(self.claim, self.source, measured, verdict, lack)


def reached(card: Card, claimed: float) -> Finding:
    """Judge the claim of an accuracy: the mean over seeds must reach it; missed: the first seed's interval is below."""
    first = card.tests[0]
    measured = f"{card.accuracy}, seeds: {len(card.tests)}; first seed {first.accuracy:.2%}, "
    measured += f"{first.low:.2%} to {first.high:.2%}"
    if card.mean_accuracy >= claimed:
        return measured, SUPPORTED
    return measured, INCONCLUSIVE if first.high >= claimed else CONTRADICTED


def verdict(low: float, high: float, least: float = 0.0) -> str:
    """Judge the claim that a number is at least `least`, from the number's interval."""
    if low >= least:
        return SUPPORTED
    return CONTRADICTED if high < least else INCONCLUSIVE
