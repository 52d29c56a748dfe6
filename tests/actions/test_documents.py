"""Documents that people write badly, or on purpose, are refused in words."""

from __future__ import annotations

import pytest

from kubernaut.actions import Catalog, ParameterError
from kubernaut.actions.documents import identity, is_document, read_document

MISTAGGED = [
    "a: !!bool maybe",
    "a: !!int ''",
    "a: !!float ''",
    "a: !!timestamp x",
    "a: !!timestamp 2024-99-99",
    "a: " + "1" * 5000,
    "? !!bool x\n: 1",
]


@pytest.mark.parametrize("text", MISTAGGED)
def test_a_value_that_does_not_fit_its_tag_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(ValueError, match="is not YAML: line 1: the value cannot be read as"):
        read_document(text)
    assert not is_document(text)
    assert identity(text) == {}


@pytest.mark.parametrize("text", ["[" * 30_000, "{a: " * 10_000, "- " * 30_000, "[" * 200 + "]" * 200])
def test_a_document_is_not_nested_without_end(text: str) -> None:
    with pytest.raises(ValueError, match="is nested too deeply"):
        read_document(text)


def test_as_deep_as_objects_are_is_no_trouble() -> None:
    assert read_document("[" * 50 + "]" * 50) is not None


@pytest.mark.parametrize("text", [*MISTAGGED, "{a: " * 10_000])
@pytest.mark.parametrize(("action", "field"), [("apply-manifest", "manifest"), ("patch-resource", "patch")])
def test_the_message_names_the_parameter(action: str, field: str, text: str) -> None:
    with pytest.raises(ParameterError, match=rf"^parameters\.{field}: ") as told:
        Catalog.builtin().parse(action, {field: text})
    assert len(str(told.value)) < 300


@pytest.mark.parametrize("name", ["..", ".", "../secrets/x", "a/b", "%2e", "Upper", "--force", "a" * 254, ""])
def test_an_object_whose_name_is_none_is_asked_for_nowhere(name: str) -> None:
    catalog = Catalog.builtin()
    manifest = f'{{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {{"name": "{name}"}}}}'
    live = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "uid": "1"}}
    with pytest.raises(ParameterError, match=r"^parameters\.manifest: "):
        target = {"kind": "Namespace", "name": "shop"}
        invocation = catalog.invocation("apply-manifest", target, {"manifest": manifest}, live)
        catalog.get("apply-manifest").needs(invocation)
