"""A gateway's configuration as people read it."""

from __future__ import annotations

import json

from kubernaut.cli.gateway.settings import FORM, GatewayConfiguration
from kubernaut.cli.run.show import plain
from kubernaut.cli.run.sources import DEFAULT


def as_yaml(configuration: GatewayConfiguration) -> str:
    """Everything that is in effect, each line with where it came from; a file that `--config` takes again."""
    lines = []
    for known in FORM.settings:
        value = plain(getattr(configuration.settings, known.field))
        origin = configuration.origins.get(known.field, DEFAULT)
        # JSON is YAML.
        lines.append(f"{known.key}: {json.dumps(value, ensure_ascii=False)}  # {origin}")
    return "\n".join(lines) + "\n"
