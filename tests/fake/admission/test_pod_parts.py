"""Subresources of pods that are parts of them: ephemeral containers, resize, binding."""

from __future__ import annotations

from tests.fake.admission.asking import PODS, Asker, Object

CONTAINER = {"name": "c", "image": "i", "resources": {"requests": {"cpu": "1"}}}
STRATEGIC = {"content-type": "application/strategic-merge-patch+json"}


async def made(ask: Asker) -> Object:
    return await ask.post(PODS, {"metadata": {"name": "p"}, "spec": {"containers": [CONTAINER]}})


async def test_ephemeral_containers_are_added_and_stay(ask: Asker) -> None:
    await made(ask)
    debugger = {"spec": {"ephemeralContainers": [{"name": "debug", "image": "busybox"}]}}
    code, pod = await ask("PATCH", f"{PODS}/p/ephemeralcontainers", debugger, STRATEGIC)
    assert (code, pod["spec"]["ephemeralContainers"][0]["terminationMessagePolicy"]) == (200, "File")
    assert (await ask.merge(f"{PODS}/p", debugger))[0] == 422, "not by the pod itself"
    pod["spec"]["ephemeralContainers"] = []
    code, body = await ask("PUT", f"{PODS}/p/ephemeralcontainers", pod)
    text = 'Forbidden: existing ephemeral containers "debug" may not be removed\n'
    assert (code, body["details"]["causes"][0]["message"]) == (422, text)


async def test_resize_changes_resources_and_nothing_else(ask: Asker) -> None:
    await made(ask)
    container: Object = {"name": "c", "image": "other", "resources": {"requests": {"cpu": "2"}}}
    wanted = {"spec": {"containers": [container]}}
    code, pod = await ask("PATCH", f"{PODS}/p/resize", wanted, STRATEGIC)
    (after,) = pod["spec"]["containers"]
    assert (code, after["resources"], after["image"]) == (200, {"requests": {"cpu": "2"}}, "i")
    container["resources"] = {"requests": {"cpu": "3"}}
    assert (await ask("PATCH", f"{PODS}/p", wanted, STRATEGIC))[0] == 422, "not by the pod itself"


async def test_a_binding_assigns_a_node_once(ask: Asker) -> None:
    await made(ask)
    binding = {"metadata": {"name": "p", "annotations": {"by": "me"}}, "target": {"kind": "Node", "name": "n1"}}
    assert (await ask("POST", f"{PODS}/p/binding?dryRun=All", binding))[0] == 201
    assert "nodeName" not in (await ask.get(f"{PODS}/p"))["spec"]
    assert (await ask("POST", f"{PODS}/p/binding", binding))[0] == 201
    pod = await ask.get(f"{PODS}/p")
    assert (pod["spec"]["nodeName"], pod["metadata"]["annotations"]) == ("n1", {"by": "me"})
    code, body = await ask("POST", f"{PODS}/p/binding", binding)
    assert (code, body["message"].rpartition(": ")[2]) == (409, 'pod p is already assigned to node "n1"')
