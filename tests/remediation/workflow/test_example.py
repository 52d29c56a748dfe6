"""The workflow that is shown to users does what its comments say."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubernaut.fake import FakeCluster
from kubernaut.remediation.workflow import WorkflowExecution
from kubernaut.resources.builtin.apps_v1 import Deployment
from tests.remediation.workflow.shop import config, controllers, deployment, prepare

EXAMPLE = Path(__file__).parents[3] / "examples" / "workflow.yaml"


@pytest.mark.virtual_time
@pytest.mark.cluster(nodes=1, declared=True)
async def test_the_example_is_carried_out(cluster: FakeCluster) -> None:
    await prepare(cluster)
    for name in ("api-server", "worker"):
        made = deployment(name)
        made.metadata.namespace = "production"
        await cluster.load([made.to_dict()])
    async with cluster.running(*controllers(config())):
        await cluster.load(EXAMPLE)
        await cluster.advance(minutes=2)
        done = await cluster.client.get(WorkflowExecution, "relieve-api-server", namespace="production")
        assert done.status.phase == "completed", done.status.to_dict()
        assert done.status.plan and done.status.plan.waves == [[0, 1], [2]]
        found = await cluster.client.list(Deployment, namespace="production")
        assert {each.name: each.spec.replicas for each in found} == {"api-server": 5, "worker": 3}
