"""Importing kubernaut is light, and its names are those of the rooms below."""

import subprocess
import sys

import pytest

import kubernaut
from kubernaut import resources

_PROBE = "import sys, kubernaut; print([m for m in ('pydantic', 'msgspec', 'anyio', 'aiohttp') if m in sys.modules])"


def test_importing_it_imports_nothing_else() -> None:
    done = subprocess.run([sys.executable, "-c", _PROBE], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_names_come_from_their_rooms() -> None:
    assert kubernaut.Resource is resources.Resource
    assert kubernaut.__version__ == "0.1.0"
    assert "Model" in dir(kubernaut)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="Nothing"):
        _ = kubernaut.Nothing
