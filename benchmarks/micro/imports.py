"""`python -m benchmarks.micro.imports [FACE] [TIMES]`: processor seconds of an import, in a fresh interpreter.

An empty interpreter's are taken off. Of kubernaut it is what a user's module begins with, not the bare package, whose
names are imported when they are first used; `transport` adds what `connect` imports when it is called. Only the
standard library is needed here: the peers have an interpreter of their own.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping
from typing import Final

FACES: Final[Mapping[str, str]] = {
    "kubernaut": "from kubernaut import Controller, Manager, Reconciler, connect",
    "transport": "from kubernaut import Controller, Manager, Reconciler, TransportOptions, connect",
    "kopf": "import kopf; kopf.on.event",
    "kubernetes_asyncio": "import kubernetes_asyncio; kubernetes_asyncio.client.CoreV1Api",
}
COUNT_MODULES: Final = "; import sys; sys.exit(0 if len(sys.modules) > {least} else 3)"
"""An import that brings in fewer modules than an empty interpreter has twice over is none of a framework."""
LEAST: Final = 150


class NotImported(Exception):
    """An interpreter did not end well: there was nothing to import, or hardly anything was imported."""


def cpu_seconds(code: str) -> float:
    """Of one interpreter that runs `code`, from its start to its end. Raises NotImported."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    process = subprocess.Popen([sys.executable, "-c", code], env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise NotImported(f"{code!r} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime


def main(face: str, times: int) -> None:
    code = FACES[face] + COUNT_MODULES.format(least=LEAST)
    cpu_seconds(code)  # not counted: it may have bytecode to write, and a disk to read
    cpu_seconds("pass")
    costs, empty = [], []
    for _ in range(times):
        costs.append(cpu_seconds(code))
        empty.append(cpu_seconds("pass"))
    net = statistics.median(costs) - statistics.median(empty)
    print(json.dumps({"face": face, "cpu": net, "empty_cpu": statistics.median(empty), "times": times}))


if __name__ == "__main__":
    given = [*sys.argv[1:], *("kubernaut", "5")[len(sys.argv) - 1 :]]
    main(given[0], int(given[1]))
