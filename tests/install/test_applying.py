"""`kubectl apply -f -` takes what is rendered, unchanged, in one go, client-side and server-side, and again."""

from __future__ import annotations

import pytest
import yaml

from tests.install.conftest import Applier

WAYS = {"client-side": (), "server-side": ("--server-side",)}


def words(text: str) -> list[str]:
    """The last word of each line: created, unchanged, configured ..."""
    return [line.split()[-1] for line in text.splitlines()]


def versions(server: Applier, text: str) -> str:
    """Of every object its uid and resourceVersion."""
    columns = "custom-columns=KIND:.kind,NAME:.metadata.name,UID:.metadata.uid,VERSION:.metadata.resourceVersion"
    return server("get", "-f", "-", "-o", columns, stdin=text).out


@pytest.mark.parametrize("way", WAYS)
def test_everything_is_applied_in_one_go_and_is_the_same_again(fake: Applier, way: str) -> None:
    check_applied(fake, way, f"all-{way}")


def check_applied(server: Applier, way: str, name: str) -> None:
    text = server.rendered("manifests", "--name", name, "--namespace", name, "--metrics", "protected", "--shards", "2")
    count = len(list(yaml.safe_load_all(text)))
    first = server("apply", *WAYS[way], "-f", "-", stdin=text)
    before = versions(server, text)
    again = server("apply", *WAYS[way], "-f", "-", stdin=text)
    assert versions(server, text) == before
    assert first.err == "" and again.err == ""
    if way == "client-side":
        assert set(words(first.out)) <= {"created", "unchanged"} and words(first.out).count("created") >= 15
        changed = [line for line in again.out.splitlines() if not line.endswith(" unchanged")]
        # kubectl replaces a budget's selector each time, as the API says (patchStrategy), if by the same.
        assert set(changed) <= {f"poddisruptionbudget.policy/{name} configured"}
        assert len(again.out.splitlines()) == count
    else:
        assert words(again.out) == ["serverside-applied"] * count
        assert server("diff", "--server-side", "-f", "-", stdin=text).out == ""


def test_definitions_alone_are_applied(fake: Applier) -> None:
    text = fake.rendered("crds")
    fake("apply", "-f", "-", stdin=text)
    assert "kubernetesexecutions" in fake("get", "crd", "-o", "name").out


def test_the_one_way_may_follow_the_other(fake: Applier) -> None:
    text = fake.rendered("manifests", "--name", "both", "--namespace", "both")
    fake("apply", "-f", "-", stdin=text)
    assert "conflict" not in fake("apply", "--server-side", "-f", "-", stdin=text).err
