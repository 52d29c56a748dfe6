"""Scripted requests: what is asked in tests/golden/*.yaml, of any server that an HTTP client reaches."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.fake.differential.normal import Answer, normalised

GOLDEN = Path(__file__).parents[2] / "golden"
SCENARIOS = sorted(path.stem for path in GOLDEN.glob("*.yaml"))
Step = dict[str, Any]

_PATCHES = {
    "json": "application/json-patch+json",
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "apply": "application/apply-patch+yaml",
}
_CAPTURED = re.compile(r"\$\{(\w+)\}")
# Pods' ServiceAccount is not looked for a token, which only a controller would make.
_ACCOUNT = {"metadata": {"name": "default"}, "automountServiceAccountToken": False}


def steps_of(scenario: str) -> dict[str, Step]:
    """The scripted requests of a scenario by their names, in their order."""
    steps: dict[str, Step] = yaml.safe_load((GOLDEN / f"{scenario}.yaml").read_text())["steps"]
    return {str(name): step for name, step in steps.items()}


def recorded(scenario: str) -> dict[str, Answer]:
    """What the real server answered, by the names of the steps."""
    answers: dict[str, Answer] = json.loads((GOLDEN / f"{scenario}.json").read_text())
    return answers


def save(scenario: str, answers: dict[str, Answer]) -> None:
    """Writes the answers, one line each."""
    lines = ",\n".join(
        f"{json.dumps(name)}: {json.dumps(answer, separators=(',', ':'), ensure_ascii=False)}"
        for name, answer in answers.items()
    )
    (GOLDEN / f"{scenario}.json").write_text(f"{{\n{lines}\n}}\n")


async def run(client: httpx.AsyncClient, scenario: str, *, waits: bool = True) -> dict[str, Answer]:
    """Asks everything in a scenario, in a namespace t-SCENARIO that must not be there yet: normalised answers by step.

    `waits` keeps to the pauses in the script, which a server needs that takes note of CRDs and Roles in the background.
    """
    namespace = f"t-{scenario}"
    await client.post("/api/v1/namespaces", json={"metadata": {"name": namespace}})
    await client.post(f"/api/v1/namespaces/{namespace}/serviceaccounts", json=_ACCOUNT)
    captured: dict[str, str] = {}
    answers: dict[str, Answer] = {}
    steps = steps_of(scenario)
    for name, step in steps.items():
        if waits and "wait" in step:
            await asyncio.sleep(step["wait"])
        answers[name] = await _ask(client, namespace, step, captured)
        for key, where in step.get("capture", {}).items():
            captured[key] = _dig(answers[name]["body"], where)
    return normalised(answers, steps)


async def _ask(client: httpx.AsyncClient, namespace: str, step: Step, captured: dict[str, str]) -> Answer:
    def fill(value: Any) -> Any:
        if isinstance(value, str):
            return _CAPTURED.sub(lambda found: captured[found[1]], value)
        if isinstance(value, dict):
            return {key: fill(item) for key, item in value.items()}
        return [fill(item) for item in value] if isinstance(value, list) else value

    method, _, path = fill(step["do"]).partition(" ")
    if path.startswith("@"):
        group, _, rest = path[1:].partition("/")
        version, _, rest = ("", "", rest) if group == "core" else rest.partition("/")
        root = "/api/v1" if group == "core" else f"/apis/{group}/{version}"
        path = f"{root}/namespaces/{namespace}/{rest}"
    headers = [("accept", "application/json"), ("authorization", "Bearer token"), ("user-agent", "script/1")]
    content = _content(fill(step["body"])) if "body" in step else None
    if content is not None:
        headers.append(("content-type", _PATCHES.get(step.get("patch", ""), "application/json")))
    if user := step.get("as"):
        headers.append(("impersonate-user", user[0]))
        headers.extend(("impersonate-group", group) for group in user[1:])
    for key, value in step.get("headers", {}).items():
        headers = [item for item in headers if item[0] != key] + ([(key, value)] if value else [])
    request = httpx.Request(method, client.base_url.join(path), headers=headers, content=content)
    answer = await client.send(request)
    kept = {key: answer.headers[key] for key in ("warning", "retry-after") if key in answer.headers}
    body = _frames(answer.text) if step.get("frames") and answer.status_code == 200 else _parsed(answer.text)
    kind = answer.headers.get("content-type", "").partition(";")[0]
    return {"status": answer.status_code, "type": kind, **({"headers": kept} if kept else {}), "body": body}


def _content(body: Any) -> bytes:
    return (body if isinstance(body, str) else json.dumps(body)).encode()


def _frames(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _dig(body: Any, where: str) -> str:
    for key in where.split("."):
        body = body.get(key, "") if isinstance(body, dict) else ""
    return str(body)


def differences(want: Any, got: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Where two answers differ: path, what was wanted, what was got; ABSENT stands for what is not there."""
    if isinstance(want, dict) and isinstance(got, dict):
        for key in [*want, *(key for key in got if key not in want)]:
            yield from differences(want.get(key, ABSENT), got.get(key, ABSENT), f"{path}/{_escaped(key)}")
    elif isinstance(want, list) and isinstance(got, list) and len(want) == len(got):
        for index, (theirs, mine) in enumerate(zip(want, got, strict=True)):
            yield from differences(theirs, mine, f"{path}/{index}")
    elif want != got or type(want) is not type(got):
        yield path, want, got


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


ABSENT = "<absent>"
