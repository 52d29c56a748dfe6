"""kubernaut.testing: every name is there, and the plugin does not pay for those it does not use."""

import subprocess
import sys

import pytest

import kubernaut.testing


@pytest.mark.parametrize("name", kubernaut.testing.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(kubernaut.testing, name) is not None
    assert name in dir(kubernaut.testing)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Nonsense'"):
        _ = kubernaut.testing.Nonsense


def test_importing_the_plugin_loads_neither_client_nor_pydantic() -> None:
    program = (
        "import sys, kubernaut.testing.plugin; print([m for m in ('pydantic', 'kubernaut.client') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
