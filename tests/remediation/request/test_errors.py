"""Errors do not put off deadlines, and what acts is stopped before its request ends."""

from __future__ import annotations

import pytest

from kubernaut.actions import Catalog
from kubernaut.client import Forbidden, ServiceUnavailable
from kubernaut.reconcile import Controller, RequeueError
from kubernaut.remediation.analysis import AnalysisConfig, RuleAnalyzer, analyses
from kubernaut.remediation.processing import processings
from kubernaut.remediation.request import requests
from kubernaut.remediation.request.ending import insist


@pytest.mark.parametrize(
    "controller",
    [
        requests(),
        processings(),
        analyses(AnalysisConfig(analyzer=RuleAnalyzer.shipped(), catalog=Catalog.builtin())),
    ],
    ids=["requests", "processings", "analyses"],
)
def test_the_wait_after_errors_is_no_longer_than_that_between_two_looks(controller: Controller) -> None:
    assert controller.backoff.cap == 15


async def test_a_refused_stop_is_tried_again_however_late_it_is() -> None:
    async def refused() -> bool:
        raise Forbidden({"code": 403, "message": "no"})

    async def away() -> bool:
        raise ServiceUnavailable({"code": 503})

    async def stopped() -> bool:
        return True

    assert await insist(stopped())
    with pytest.raises(RequeueError, match="cannot be stopped: Forbidden"):
        await insist(refused())
    with pytest.raises(ServiceUnavailable):
        await insist(away())
