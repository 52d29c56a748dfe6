"""Runs `kubernaut fake serve` and the real kubectl, as a person would."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import kubernaut

KUBECTL = shutil.which("kubectl") or shutil.which("kubectl", path=str(Path(sys.executable).parent))
SECONDS = 20
"""After this a command, or the server's start, counts as hanging."""


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def rows(self) -> list[list[str]]:
        """The lines of a table, each as its columns."""
        return [re.split(r" {2,}|\s+$", line.strip()) for line in self.out.splitlines() if line.strip()]


class NotServing(Exception):
    """The command ended instead; `code` is its exit code, `errors` what it wrote to stderr."""

    def __init__(self, code: int, errors: str) -> None:
        super().__init__(f"exit code {code}: {errors}")
        self.code, self.errors = code, errors


class Served:
    """A `kubernaut fake serve` in a process of its own. Raises NotServing."""

    def __init__(self, folder: Path, *options: str, stdin: str | None = None) -> None:
        command = [sys.executable, "-m", "kubernaut", "fake", "serve", *options]
        pipe, source = subprocess.PIPE, str(Path(kubernaut.__file__).parents[1])
        self.process = subprocess.Popen(
            command,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            text=True,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": source},
        )
        if stdin is not None:
            _pipe(self.process.stdin).write(stdin)
        _pipe(self.process.stdin).close()
        first = _pipe(self.process.stdout).readline()
        found = re.search(r"http://\S+", first)
        if found is None:
            raise NotServing(*self.ended())
        self.url = found[0]
        second = _pipe(self.process.stdout).readline()
        self.told = first + second
        self.kubeconfig = Path(second.strip().removeprefix("export KUBECONFIG="))

    def ended(self) -> tuple[int, str]:
        """Its exit code and what it wrote to stderr, once it has ended."""
        errors = _pipe(self.process.stderr).read()
        code = self.process.wait(SECONDS)
        for pipe in (self.process.stdout, self.process.stderr):
            _pipe(pipe).close()
        return code, errors

    def stop(self) -> tuple[int, str]:
        self.process.terminate()
        return self.ended()

    def until(self, path: str, name: str, reached: Callable[[Any], bool]) -> Any:
        """Watches one object of a collection until it is as wanted; answers it."""
        url = f"{self.url}{path}?watch=1&fieldSelector=metadata.name={name}"
        with urllib.request.urlopen(url, timeout=SECONDS) as watch:
            for line in watch:
                found = json.loads(line)["object"]
                if reached(found):
                    return found
        raise AssertionError(f"the watch of {path} ended")

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """One request without kubectl; answers the JSON."""
        data = None if body is None else json.dumps(body).encode()
        named = {"Content-Type": "application/json", **{name.replace("_", "-"): text for name, text in headers.items()}}
        request = urllib.request.Request(self.url + path, data, named, method=method)
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            return json.loads(answer.read())


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe


class Kubectl:
    """Runs kubectl in one namespace of a served cluster; with `ok`, anything but exit code 0 fails the test."""

    def __init__(self, server: Served, namespace: str, folder: Path, home: Path) -> None:
        self.server, self.namespace, self.folder = server, namespace, folder
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "KUBECACHEDIR": str(home / "cache"),
            "KUBECONFIG": str(server.kubeconfig),
        }

    def __call__(
        self, *arguments: str, stdin: str | None = None, ok: bool = True, env: Mapping[str, str] | None = None
    ) -> Ran:
        done = subprocess.run(
            self.command(*arguments),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
            cwd=self.folder,
            env={**self.environment, **(env or {})},
        )
        if ok:
            assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}{done.stdout}"
        return Ran(done.returncode, done.stdout, done.stderr)

    def command(self, *arguments: str) -> list[str]:
        assert KUBECTL is not None
        return [KUBECTL, "-n", self.namespace, *arguments]

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """A command that goes on; the caller ends it."""
        pipe = subprocess.PIPE
        return subprocess.Popen(
            self.command(*arguments), stdout=pipe, stderr=pipe, text=True, cwd=self.folder, env=self.environment
        )

    def object(self, resource: str, name: str, root: str = "/api/v1") -> Any:
        """An object as it is, without the time that kubectl takes."""
        return self.server.call("GET", f"{root}/namespaces/{self.namespace}/{resource}/{name}")

    def write(self, name: str, text: str) -> str:
        """A file in the folder that commands run in."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return name


DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: main, image: "nginx:1"}]}
"""
