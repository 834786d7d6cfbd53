"""What the papers claim, what was measured, and whether it holds."""

from typing import Any

from gcm.file import markdown_table, write_csv
from gcm.report.claim import CLAIMS
from gcm.report.claim.base import NOT_TESTABLE
from gcm.report.claim.contribution_mapping import EQUAL_SIZE, NO_LOSS, SLIGHTLY
from gcm.report.evidence import Evidence
from gcm.report.section.base import Section


def paper_claims(evidence: Evidence) -> Section:
    claims = [tested.judged(evidence) for tested in CLAIMS]
    rows: list[dict[str, Any]] = [vars(claim) for claim in claims]
    write_csv(evidence.directory / "claims.csv", rows)
    missing = [f"claim “{claim.claim}”: {claim.measured}" for claim in claims if claim.verdict == NOT_TESTABLE]
    body = (
        "On the whole test sets. An accuracy is reached if the mean over seeds reaches it, and missed if the first "
        "seed's 95 % interval lies below it. Differences (paired) and decline ratios are judged by their 95 % "
        "intervals, times by the range of all rounds; “inconclusive” where these allow both. All else is judged by the "
        f"number itself. “No loss”: at most {100 * NO_LOSS:.0f} point; “equal size”: within "
        f"{100 * EQUAL_SIZE:.0f} % of the parameters; “slightly slower”: at most {SLIGHTLY:.0f} times; “best”: the "
        "smallest decline ratio among the paper's five methods (Grad-CAM signed and rectified). Starred numbers hold "
        "by construction.\n\n" + markdown_table(rows)
    )
    return Section("The papers' claims", body, tuple(missing), key="claims", summary=markdown_table(rows))
