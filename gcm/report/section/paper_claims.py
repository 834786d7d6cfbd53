"""The papers' claims stand beside what was measured, and whether they hold."""

from typing import Any

from gcm.atomic_write import markdown_table, write_csv
from gcm.report.claim import CLAIMS
from gcm.report.claim.contribution_mapping import EQUAL_SIZE, NO_LOSS, SLIGHTLY
from gcm.report.evidence import Evidence
from gcm.report.section.base import Section, absent

COLUMNS = ("claim", "source", "measured", "verdict")


def paper_claims(evidence: Evidence) -> Section:
    claims = [tested.judged(evidence) for tested in CLAIMS]
    rows: list[dict[str, Any]] = [{name: getattr(claim, name) for name in COLUMNS} for claim in claims]
    write_csv(evidence.directory / "claims.csv", rows)
    missing = [(f"claim “{claim.claim}”", claim.lack) for claim in claims if claim.lack]
    short = [
        row | ({"measured": absent(claim.lack)} if claim.lack else {}) for row, claim in zip(rows, claims, strict=True)
    ]
    body = (
        "On the whole test sets. An accuracy is reached if the mean over seeds reaches it, and missed if the first "
        "seed's 95 % interval lies below it. Differences (paired) and decline ratios are judged by their 95 % "
        "intervals, times by the range of all rounds; “inconclusive” where these allow both. All else is judged by the "
        f"number itself. “No loss”: at most {100 * NO_LOSS:.0f} point; “equal size”: within "
        f"{100 * EQUAL_SIZE:.0f} % of the parameters; “slightly slower”: at most {SLIGHTLY:.0f} times; “best”: the "
        "smallest decline ratio among the paper's five methods (Grad-CAM signed and rectified). Starred numbers hold "
        "by construction.\n\n" + markdown_table(short)
    )
    return Section("The papers' claims", body, tuple(missing), key="claims", summary=markdown_table(rows))


SECTIONS = {80: paper_claims}
