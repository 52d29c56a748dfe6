"""The FlagSet example's own test, run as it stands."""

from pathlib import Path

from examples.test_feature_flags import *  # noqa: F403

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_the_example_is_an_operator_of_about_sixty_lines() -> None:
    lines = [line for line in (EXAMPLES / "feature_flags.py").read_text().splitlines() if line.strip()]
    assert 40 <= len(lines) <= 65
