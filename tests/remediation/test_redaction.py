"""Secrets in every spelling do not survive; what holds none is kept as it is."""

from __future__ import annotations

import json
import time

import pytest

from kubernaut.remediation.execution.described import described_parameters, parameters_line
from kubernaut.remediation.execution.redact import redact

# HIDDEN, and its base64, may not be seen afterwards.
HIDDEN, ENCODED = "hunter2value", "aHVudGVyMnZhbHVl"

YAML_SECRETS = [
    f"{{kind: Secret, data: {{a: {ENCODED}}}}}",
    f"{{apiVersion: v1, data: {{a: {ENCODED}, b: {ENCODED}}}, kind: Secret}}",
    f"apiVersion: v1\nkind: Secret\ndata:\n  a: {ENCODED}\n",
    f"apiVersion: v1\ndata:\n  a: {ENCODED}\nkind: Secret\n",
    f"kind: 'Secret'\ndata: {{a: {ENCODED}}}",
    f'kind: "Secret"\nstringData:\n  a: {HIDDEN}',
    f'"kind": "Secret"\n"data":\n  "a": "{ENCODED}"',
    f"kind: Secret\nstringData:\n  a: |\n    first\n    {HIDDEN}\ntype: Opaque",
    f"kind: Secret\nstringData:\n  a: >-\n\n    first\n\n    {HIDDEN}\n",
    f"kind: Secret\ndata:\n  # was {HIDDEN}\n  a: x\n",
    f"kind: Secret\ndata: # {HIDDEN}\n  a: x\n",
    f"# {HIDDEN}\nkind: Secret\ndata:\n  a: x\n# {HIDDEN}\n",
    f"kind: Secret\ndata:\n# {HIDDEN}\n  a: {ENCODED}\n",
    f"kind: Secret # a comment\ndata: {{\n  a: {ENCODED},\n  b: {ENCODED} }}\n",
    f"kind: !!str Secret\ndata: {{a: {ENCODED}}}",
    f"kind: >-\n  Secret\ndata:\n  a: {ENCODED}",
    f'kind: "\\u0053ecret"\n"d\\u0061ta":\n  a: {ENCODED}',
    f"? kind\n: Secret\n? data\n: a: {ENCODED}\n",
    f"kind: &k Secret\ndata: &d\n  a: {ENCODED}\n",
    f"x: &d\n  a: {ENCODED}\nkind: Secret\ndata: *d\n",
    f"kind: Secret\ndata:\n  ? a\n  : {ENCODED}\n",
    f"kind: Secret\nstringData: {{a: 'it''s {HIDDEN}'}}",
    f"kind: Secret\nother: {HIDDEN}\n",
    f"a: 1\n---\nkind: Secret\ndata:\n  a: {ENCODED}\n---\nb: 2\n",
    f"kind: List\nitems:\n- kind: Secret\n  data:\n    a: {ENCODED}\n- kind: ConfigMap\n  data: {{b: c}}\n",
    f"kind: SecretList\nitems:\n- data:\n    a: {ENCODED}\n",
    f"\N{ROCKET}: ä\nkind: Secret\ndata:\n  a: {ENCODED}\n",
    f"stringData: {{a: {HIDDEN}}}",
]
JSON_SECRETS = [
    json.dumps({"kind": "Secret", "data": {"a": ENCODED}}),
    json.dumps({"kind": "Secret", "stringData": {"a": f"}}{HIDDEN}"}}),
    json.dumps({"kind": "Secret", "stringData": {"a": f'"}}\\" {HIDDEN}'}}, indent=2),
    json.dumps({"kind": "Secret", "data": {"a": ENCODED}}, indent="\t"),
    json.dumps({"kind": "List", "items": [{"kind": "Secret", "data": {"a": ENCODED}}]}, separators=(",", ":")),
    json.dumps({"msg": json.dumps({"kind": "Secret", "data": {"a": ENCODED}})}),
    json.dumps({"msg": json.dumps({"x": json.dumps({"kind": "Secret", "data": {"a": ENCODED}})})}),
    json.dumps(
        {"kind": "Secret", "metadata": {"annotations": {"last": json.dumps({"kind": "Secret", "data": ENCODED})}}}
    ),
    str({"kind": "Secret", "data": {"a": ENCODED}}),
]
IN_LOGS = [
    f'applying {{"kind":"Secret","data":{{"a":"{ENCODED}"}}}} now',
    f'level=info msg="{{\\"kind\\":\\"Secret\\",\\"data\\":{{\\"a\\":\\"{ENCODED}\\"}}}}"',
    f"Applying: [\napiVersion: v1\nkind: Secret\ndata:\n  a: {ENCODED}\n\n  b: {ENCODED}\ntype: Opaque",
    f"Applying: [\n- data:\n    a: {ENCODED}\n  kind: Secret\n",
    f"-kind: Secret\n+kind: Secret\n data:\n-  a: {ENCODED}\n+  a: {ENCODED}\n",
    f"oops: [\nkind: Secret\ndata:\n  a: {ENCODED}\n# {HIDDEN}\n  b: {ENCODED}\n",
    f"oops: [\nkind: 'Secret'\nstringData:\n  a: |\n    {HIDDEN}\n\n    {HIDDEN}\n",
    f"12:00 I [ data: begins\n12:00 I kind: Secret\n12:00 I data:\n12:01 I   a: {ENCODED}\n",
    f"12:00 error: [\n{json.dumps({'kind': 'Secret', 'data': {'a': ENCODED}}, indent=2)}\n",
]
FIELDS = [
    f"password: {HIDDEN}",
    f"password: |\n  first\n  {HIDDEN}\nnext: 1",
    f"error: [\npassword: |\n  first\n\n  {HIDDEN}\nnext: 1",
    f"passwords:\n- {HIDDEN}\n- other {HIDDEN}\n",
    f"db: {{password: 'two {HIDDEN}'}}",
    f"env:\n- name: DB_PASSWORD\n  value: {HIDDEN}\n",
    f"env:\n- value: {HIDDEN}\n  name: DB_PASSWORD\n",
    json.dumps({"env": [{"name": "API_TOKEN", "value": HIDDEN}]}),
    f'patched [ {{"name":"API_TOKEN","value":"{HIDDEN}"}}',
    f"kind: ConfigMap\ndata:\n  app.yaml: |\n    kind: Secret\n    data: {{a: {ENCODED}}}\n",
]


@pytest.mark.parametrize("text", [*YAML_SECRETS, *JSON_SECRETS, *IN_LOGS, *FIELDS])
def test_a_secret_does_not_survive(text: str) -> None:
    found = redact(text)
    assert HIDDEN not in found and ENCODED not in found
    assert "[REDACTED]" in found


# Only a parser knows these spellings.
PARSED_ONLY = ("u0053", "? ", ">-\n  Secret", "&d", "SecretList", "other:", "\n#", "# hunter2value\nkind")


@pytest.mark.parametrize(
    "text", [text for text in (*YAML_SECRETS, *JSON_SECRETS) if not any(word in text for word in PARSED_ONLY)]
)
def test_a_secret_in_a_longer_text_than_is_parsed_does_not_survive(text: str) -> None:
    found = redact("---\n" + text.rstrip() + "\n---\n" + "x: y\n" * 20_000)
    assert HIDDEN not in found and ENCODED not in found


@pytest.mark.parametrize(
    "text",
    [
        "kind: ConfigMap\ndata:\n  a: b  # a comment\n",
        "kind: Deployment\nspec:\n  template:\n    spec:\n      volumes:\n      - secret: {name: x}\n",
        "data:\n  a: b\n",
        '{"kind": "ConfigMap", "data": {"a": "b"}}',
        "the kind of Secret is not told",
        'secrets "web" is forbidden: User "eve" cannot get resource',
        "kind: Secret is not found",
        "configmap/web configured\nsecret/web unchanged\n",
        "a: *b\n",
        "deployment.apps/web scaled",
        "",
    ],
)
def test_what_holds_no_secret_is_kept_as_it_is(text: str) -> None:
    assert redact(text) == text


def test_what_stands_beside_a_secret_is_kept() -> None:
    text = f"kind: Secret\nmetadata:\n  name: web\ndata:\n  a: {ENCODED}\ntype: Opaque\n"
    assert redact(text) == "kind: Secret\nmetadata:\n  name: web\ndata: [REDACTED]\ntype: Opaque\n"


def test_what_was_redacted_stays_as_it_is() -> None:
    for text in (*YAML_SECRETS, *JSON_SECRETS, *IN_LOGS, *FIELDS):
        once = redact(text)
        assert HIDDEN not in redact(once) and ENCODED not in redact(once)


@pytest.mark.parametrize(
    "piece",
    ["{", "[", "kind:!", "kind: Secret data:", 'kind: Secret\ndata: {"', "\\", '\\"', "name: token value:", "? ", "- ",
     "data:\n", "token: |\n", "&a ", "kind: Secret\n#", "\t", "password: {a: [", "secret: '", "%", "---\n"],
)  # fmt: skip
def test_hostile_texts_take_linear_time(piece: str) -> None:
    started = time.process_time()
    for prefix in ("", "kind: Secret\n"):
        redact(prefix + piece * (200_000 // len(piece)))
        redact(prefix + piece * (60_000 // len(piece)))
    assert time.process_time() - started < 10


def test_parameters_for_people_show_neither_documents_nor_secrets_nor_control_characters() -> None:
    manifest = f"kind: Secret\napiVersion: v1\nmetadata: {{name: web}}\ndata: {{a: {ENCODED}}}"
    parameters = {
        "replicas": 3,
        "image": "web:1",
        "manifest": manifest,
        "document": f"{{spec: {{a: {HIDDEN}}}}}",
        "password": HIDDEN,
        "reason": "fine\n# policy: low risk\u202e",
        "notes": "x" * 1000 + HIDDEN,
        "n" * 700_000: 1,
    }
    line = parameters_line(parameters)
    assert HIDDEN not in line and ENCODED not in line
    assert line.isprintable() and len(line) < 1500
    assert line.startswith("replicas=3 image=web:1 manifest=Secret web (sha256 ")
    assert "password=[REDACTED]" in line
    assert parameters_line({}) == ""
    described = described_parameters(parameters)
    assert described["replicas"] == 3
    assert described["notes"]["bytes"] == 1012
    assert parameters_line({"notes": "y" * 2000}) != parameters_line({"notes": "x" * 2000}), "what is cut still counts"
