"""What `kubernaut run` takes, measured on a real API server: python -m tests.e2e.measure [EXECUTIONS]"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.cli.run.serving import until
from tests.e2e.installation import Installation, Replica, installed
from tests.e2e.test_whole import DONE, ask, reached

IDLE_SECONDS = 60.0
MEBIBYTE = 2**20


def requests(replica: Replica) -> Counter[str]:
    """Requests to the API server so far, by method."""
    found: Counter[str] = Counter()
    for labels, value in replica.samples("rest_client_requests_total"):
        found[labels["method"]] += int(value)
    return found


def used(replica: Replica) -> str:
    """Memory and processor time so far."""
    memory = replica.metric("process_resident_memory_bytes") / MEBIBYTE
    held = replica.metric("kubernaut_informer_store_bytes") / 1024
    return f"{memory:.0f} MiB, {replica.metric('process_cpu_seconds_total'):.2f} CPU s, {held:.0f} KiB in informers"


def measure(site: Installation, many: int) -> None:
    """Prints figures as it goes."""
    began = time.monotonic()
    with site.replica("kubernaut-0") as leader:
        print(f"ready after {time.monotonic() - began:.1f} s: {used(leader)}; requests {dict(requests(leader))}")
        until(lambda: leader.leads, lambda: leader.log)
        with site.replica("kubernaut-1") as standby:
            idle(leader, standby)
            one_by_one(site, leader, standby)
            at_once(site, leader, many, "many")
            at_once(site, leader, many, "more")
            idle(leader, standby)
            hand_over(site, leader, standby)


def hand_over(site: Installation, leader: Replica, standby: Replica) -> None:
    """From the end of a process, without a word and in order, until another one leads."""
    leader.process.process.kill()
    print(f"after a crash another one leads in {until_it_leads(standby):.1f} s", flush=True)
    leader.process.wait()
    with site.replica("kubernaut-2") as third:
        standby.process.process.terminate()
        print(f"after SIGTERM another one leads in {until_it_leads(third):.1f} s", flush=True)
        assert standby.process.wait() == 0


def until_it_leads(replica: Replica) -> float:
    began = time.monotonic()
    until(lambda: replica.leads, lambda: replica.log)
    return time.monotonic() - began


def idle(leader: Replica, standby: Replica) -> None:
    """For a while nobody asks for anything."""
    before = [(requests(each), each.metric("process_cpu_seconds_total")) for each in (leader, standby)]
    time.sleep(IDLE_SECONDS)
    for name, each, (asked, cpu) in zip(("leader", "standby"), (leader, standby), before, strict=True):
        spent = each.metric("process_cpu_seconds_total") - cpu
        sent = dict(requests(each) - asked)
        print(f"{name}, {IDLE_SECONDS:g} s idle: {spent:.2f} CPU s, requests {sent}; {used(each)}", flush=True)


def one_by_one(site: Installation, leader: Replica, standby: Replica) -> None:
    """Executions with nothing beside them."""
    for name in ("first", "second", "third"):
        before, spent, began = requests(leader), leader.metric("process_cpu_seconds_total"), time.monotonic()
        ask(site, name, 2)
        reached(site, name, DONE, leader, standby)
        seconds, spent = time.monotonic() - began, leader.metric("process_cpu_seconds_total") - spent
        asked = requests(leader) - before
        print(
            f"one execution: {asked.total()} requests in {seconds:.1f} s {dict(asked)}, {spent:.2f} CPU s", flush=True
        )


def at_once(site: Installation, leader: Replica, many: int, name: str) -> None:
    """Executions that fail at the first check."""
    items = [
        {
            "apiVersion": "kubernetesexecution.kubernaut.io/v1",
            "kind": "KubernetesExecution",
            "metadata": {"name": f"{name}-{number}", "namespace": "shop"},
            "spec": {"action": "none", "target": {"kind": "Deployment", "namespace": "shop", "name": "first"}},
        }
        for number in range(many)
    ]
    ended = leader.metric("kubernaut_executions_total", reason="UnknownAction")
    before, spent, began = requests(leader), leader.metric("process_cpu_seconds_total"), time.monotonic()
    site.kubectl("create", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    made = time.monotonic() - began
    until(lambda: leader.metric("kubernaut_executions_total", reason="UnknownAction") == ended + many)
    until(lambda: leader.metric("kubernaut_audit_pending") == 0)
    seconds, spent = time.monotonic() - began, leader.metric("process_cpu_seconds_total") - spent
    asked = requests(leader) - before
    print(f"{many} that fail at once: made in {made:.1f} s, ended in {seconds:.1f} s, {asked.total()} requests")
    print(f"  {spent:.1f} CPU s; {used(leader)}", flush=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, installed(Path(folder)) as site:
        measure(site, int(sys.argv[1]) if len(sys.argv) > 1 else 200)
