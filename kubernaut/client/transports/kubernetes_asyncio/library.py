"""The one place that imports kubernetes_asyncio: one module at a time, without the 768 generated models beside it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from threading import RLock
from types import ModuleType

__all__ = ["module"]

ROOT = "kubernetes_asyncio"
PARENTS = (ROOT, f"{ROOT}.config")
_lock = RLock()


@cache
def module(name: str) -> ModuleType:
    """The module ``kubernetes_asyncio.config.<name>``, which is asked for only where it is needed.

    Its parents' ``__init__`` would import every model, so stand-ins take their places during the import. Afterwards
    ``sys.modules`` is as it was: whoever imports the library later gets it whole. Where that fails, it is imported as
    usual.
    """
    full = f"{ROOT}.config.{name}"
    with _lock:
        if ROOT in sys.modules:
            return import_module(full)  # somebody paid for it already
        try:
            with _stand_ins():
                return import_module(full)
        except ImportError:
            return import_module(full)


@contextmanager
def _stand_ins() -> Iterator[None]:
    spec = find_spec(ROOT)
    if spec is None or spec.submodule_search_locations is None:
        raise ImportError(f"{ROOT} is not installed")
    folders = list(spec.submodule_search_locations)
    for parent in PARENTS:
        stand_in = ModuleType(parent)
        below = parent.split(".")[1:]
        stand_in.__path__ = ["/".join((folder, *below)) for folder in folders]
        sys.modules[parent] = stand_in
    try:
        yield
    finally:
        for name in [name for name in sys.modules if name == ROOT or name.startswith(f"{ROOT}.")]:
            del sys.modules[name]
