"""The native libraries of Rego and CEL live in one process: loaded in the wrong order they corrupt its memory."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
from kubernaut.policy import RegoEvaluator
RegoEvaluator()
from kubernaut.fake.apiserver.schema.celengine import load_engine
rule = "timestamp('2025-01-01T00:00:00Z') > timestamp('2024-01-01T00:00:00Z')"
print(load_engine().compile(rule, (), "BOOL")({}))
"""


def test_cel_works_after_rego() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr
