"""A cluster served over HTTP answers as it does in process."""

from __future__ import annotations

import gzip
import json
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
import yaml

from kubernaut.fake import FakeCluster
from kubernaut.fake.kubeconfig import ForeignKubeconfig

CONFIGMAPS = "/api/v1/namespaces/default/configmaps"


async def test_requests_over_http_and_in_process_are_alike() -> None:
    async with (
        FakeCluster(controlplane=False) as cluster,
        cluster.serve() as url,
        httpx.AsyncClient(base_url=url) as http,
    ):
        inside = httpx.AsyncClient(transport=httpx.ASGITransport(cluster.server), base_url=url)
        made = await http.post(CONFIGMAPS, json={"metadata": {"name": "a", "labels": {"k": "v w"}}})
        assert made.status_code == 422
        made = await http.post(CONFIGMAPS, json={"metadata": {"name": "a", "labels": {"k": "v"}}})
        assert made.status_code == 201
        for path in (
            f"{CONFIGMAPS}/a", f"{CONFIGMAPS}/b", f"{CONFIGMAPS}?labelSelector=k%20in%20(v)", "/nowhere", "/apis",
            "/openapi/v3", f"{CONFIGMAPS}?fieldSelector=metadata.name%3Da", "/healthz", f"{CONFIGMAPS}/a%2Fb",
        ):  # fmt: skip
            outer, inner = await http.get(path), await inside.get(path)
            assert (outer.status_code, outer.text) == (inner.status_code, inner.text), path
            assert outer.headers["content-type"] == inner.headers["content-type"]
        await inside.aclose()


async def test_a_watch_is_flushed_frame_by_frame_and_ends_with_the_server() -> None:
    async with FakeCluster(controlplane=False) as cluster, httpx.AsyncClient() as http, AsyncExitStack() as stack:
        url = await stack.enter_async_context(cluster.serve())
        async with http.stream("GET", f"{url}{CONFIGMAPS}?watch=1") as watch:
            lines = watch.aiter_lines()
            for name in ("a", "b"):
                await http.post(f"{url}{CONFIGMAPS}", json={"metadata": {"name": name}})
                event = json.loads(await anext(lines))
                assert (event["type"], event["object"]["metadata"]["name"]) == ("ADDED", name)
            await stack.aclose()
            assert [line async for line in lines] == []
        async with cluster.serve() as again:  # the cluster itself goes on
            assert len((await http.get(f"{again}{CONFIGMAPS}")).json()["items"]) == 2


async def test_a_large_list_comes_compressed() -> None:
    async with (
        FakeCluster(controlplane=False) as cluster,
        cluster.serve() as url,
        httpx.AsyncClient(base_url=url) as http,
    ):
        await http.post(CONFIGMAPS, json={"metadata": {"name": "a"}, "data": {"k": "x" * 200_000}})
        async with http.stream("GET", CONFIGMAPS) as answer:
            raw = b"".join([part async for part in answer.aiter_raw()])
        assert (answer.headers["content-encoding"], len(raw) < 2_000) == ("gzip", True)
        assert len(json.loads(gzip.decompress(raw))["items"]) == 1


async def test_the_kubeconfig_is_written_while_the_cluster_is_served(tmp_path: Path) -> None:
    async with FakeCluster(controlplane=False) as cluster:
        with pytest.raises(RuntimeError, match="is not served"):
            cluster.kubeconfig(tmp_path / "config")
        async with cluster.serve() as url:
            path = cluster.kubeconfig(tmp_path / "config")
            assert yaml.safe_load(path.read_text())["clusters"][0]["cluster"]["server"] == url
            assert cluster.kubeconfig(path) == path  # its own file is replaced
            (tmp_path / "other").write_text("apiVersion: v1\n")
            with pytest.raises(ForeignKubeconfig):
                cluster.kubeconfig(tmp_path / "other")
