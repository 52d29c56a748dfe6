"""An exec plugin whose answers are files."""

import sys
from pathlib import Path
from typing import Any

from tests.client.transports.wire import credential

PLUGIN = """
import json, os, pathlib, sys, time
folder = pathlib.Path(__file__).parent
runs = folder / "runs"
runs.write_text(runs.read_text() + "x" if runs.exists() else "x")
(folder / "info").write_text(os.environ["KUBERNETES_EXEC_INFO"])
(folder / "pid").write_text(str(os.getpid()))
(folder / "seen").write_text(json.dumps([sys.argv[1:], os.environ.get("FLAVOUR"), sys.stdin.read()]))
if (folder / "fails").exists():
    print("x" * 200_000, file=sys.stderr)
    sys.exit("no network today")
while (folder / "hangs").exists():
    time.sleep(0.01)
print((folder / "answer").read_text().replace("RUN", str(len(runs.read_text()))))
"""


class Plugin:
    """An exec plugin in a folder, its answers as files beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "plugin.py").write_text(PLUGIN)
        self.answers(token="token RUN")

    def answers(self, **status: Any) -> None:
        (self.folder / "answer").write_text(credential(**status))

    def entry(self, **more: Any) -> dict[str, Any]:
        command = {"command": sys.executable, "args": ["-S", str(self.folder / "plugin.py"), "one"]}
        env = [{"name": "FLAVOUR", "value": "mint"}]
        return {"apiVersion": "client.authentication.k8s.io/v1", **command, "env": env, **more}

    @property
    def runs(self) -> int:
        return len((self.folder / "runs").read_text())

    def switch(self, name: str, on: bool = True) -> None:
        (self.folder / name).touch() if on else (self.folder / name).unlink()
