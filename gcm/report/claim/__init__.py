"""The papers' claims stand in the order of the claims table. A new one is a `Claim` in its paper's file."""

from gcm.report.claim.base import Claim, JudgedClaim
from gcm.report.claim.contribution_mapping import CONTRIBUTION_MAPPING
from gcm.report.claim.filter_contribution import FILTER_CONTRIBUTION
from gcm.report.claim.noise_mask import NOISE_MASK
from gcm.report.claim.shell_lab import SHELL_LAB

CLAIMS: tuple[Claim, ...] = (*CONTRIBUTION_MAPPING, *FILTER_CONTRIBUTION, *NOISE_MASK, *SHELL_LAB)

__all__ = ["CLAIMS", "Claim", "JudgedClaim"]
