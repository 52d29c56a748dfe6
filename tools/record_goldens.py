"""Records what the API server of KUBEBUILDER_ASSETS answers to the scripts in tests/golden, beside them.

KUBEBUILDER_ASSETS=... python tools/record_goldens.py [SCENARIO]...
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.envtest import api_server
from tests.fake.differential.script import SCENARIOS, run, save


async def record(scenarios: list[str]) -> None:
    """Asks a fresh server everything, and writes the answers to tests/golden."""
    with tempfile.TemporaryDirectory() as folder:
        async with api_server(Path(folder)) as client:
            for scenario in scenarios:
                answers = await run(client, scenario)
                save(scenario, answers)
                print(f"{scenario}: {len(answers)} answers")


if __name__ == "__main__":
    asyncio.run(record(sys.argv[1:] or SCENARIOS))
