"""The machine-readable reasons an analysis can fail with: they are API, so they live in one place."""

from __future__ import annotations

from enum import StrEnum

AVAILABLE = "AnalyzerAvailable"
"""The condition that is false while the analyzer does not answer; its message says why."""


class Reason(StrEnum):
    """Why an analysis ended `failed`; written to `status.reason` and to the condition Ready."""

    ANALYZER_FAILED = "AnalyzerFailed"
    """The analyzer answered, and its answer is of no use, or asking again would not help."""
    ANALYZER_UNAVAILABLE = "AnalyzerUnavailable"
    """The analyzer gave no answer until the time was up."""
