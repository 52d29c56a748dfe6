"""What this package is called where it is installed from."""

DISTRIBUTION = "kubernaut-runtime"


def install_hint(extra: str) -> str:
    """The command that installs one of the extras."""
    return f"pip install '{DISTRIBUTION}[{extra}]'"
