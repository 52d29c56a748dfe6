"""The machine-readable reasons a processing can fail with: they are API, so they live in one place."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why a processing ended `failed`; written to `status.reason` and to the condition Ready."""

    NOTHING_READ = "NothingRead"
    """Every read failed until the time was up."""
