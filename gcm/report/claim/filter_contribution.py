"""Claims of the filter-contribution paper: how few filters are enough, and which decide."""

from collections import Counter

from gcm.report.claim.base import CONTRADICTED, INCONCLUSIVE, NOT_TESTABLE, SUPPORTED, Claim, Finding, reached
from gcm.report.evidence import Evidence
from gcm.report.section.filter_contribution import contributions_of
from gcm.study.filter_contribution.numbers import share_of_samples_that_differ
from gcm.study.sweep.fewest_filters import CLAIMED, NOT_RUN, RESULT, accuracies

TINY = "tiny_lenet_mnist"
CONFIDENCE = 0.95


def tiny_is_a_fifth(evidence: Evidence) -> Finding:
    tiny, large = (evidence.card(name) for name in (TINY, "lenet_mnist"))
    share = tiny.parameters / large.parameters
    found, judged = reached(tiny, CLAIMED)
    measured = (
        f"{tiny.parameters:,} of {large.parameters:,} parameters ({share:.0%}); test accuracy {found}; LeNet's "
        f"{large.accuracy}"
    )
    return measured, CONTRADICTED if share > 0.2 else judged


def few_filters_come_first(evidence: Evidence) -> Finding:
    found = contributions_of(TINY, evidence)
    leaders = Counter(str(leader) for leader, _ in found.leading)
    counts = ", ".join(f"{path} in {count}" for path, count in leaders.most_common())
    measured = f"most often first: {counts} of {len(found.leading)} classes; {len(found.paths)} paths"
    return measured, SUPPORTED if len(leaders) <= len(found.paths) / 2 else CONTRADICTED


def every_class_has_its_own_pair(evidence: Evidence) -> Finding:
    found = contributions_of(TINY, evidence)
    share = share_of_samples_that_differ(found)
    pairs = ", ".join(
        f"{name}: {leader}, {follower}" for name, (leader, follower) in zip(found.classes, found.leading, strict=True)
    )
    measured = (
        f"{len(set(found.leading))} different pairs in {len(found.leading)} classes ({pairs}); all differ in "
        f"{share:.1%} of 1,000 bootstrap samples of the images"
    )
    if 1 - CONFIDENCE < share < CONFIDENCE:
        return measured, INCONCLUSIVE
    return measured, SUPPORTED if share >= CONFIDENCE else CONTRADICTED


def three_filters_are_the_fewest(evidence: Evidence) -> Finding:
    runs = evidence.result(RESULT)
    if not runs:
        return NOT_RUN, NOT_TESTABLE
    two, three = accuracies(runs, "[2,2]"), accuracies(runs, "[3,3]")
    if not two or not three:
        return f"{RESULT}: the sweep has no result of two or of three filters", NOT_TESTABLE
    measured = "; ".join(
        f"{name} filters: {', '.join(f'{value:.2%}' for value in values)}"
        for name, values in (("two", two), ("three", three))
    )
    if min(three) >= CLAIMED > max(two):
        return measured, SUPPORTED
    return measured, CONTRADICTED if min(two) >= CLAIMED or max(three) < CLAIMED else INCONCLUSIVE


FILTER_CONTRIBUTION = (
    Claim(
        "three filters a layer reach 98 % on MNIST with a fifth of LeNet's parameters",
        "filter contributions, 2",
        (TINY, "lenet_mnist"),
        tiny_is_a_fifth,
    ),
    Claim("three filters a layer are the fewest that do", "filter contributions, 2", (), three_filters_are_the_fewest),
    Claim("the filters that contribute most are a few", "filter contributions, 3", (TINY,), few_filters_come_first),
    Claim(
        "first and second path together are different in every class",
        "filter contributions, 3",
        (TINY,),
        every_class_has_its_own_pair,
    ),
)
