"""The reference of the actions in the documentation is that of the catalog."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from kubernaut.actions import Catalog, reference

PAGE = Path(__file__).parents[2] / "docs" / "actions.md"


def test_the_page_holds_what_the_catalog_says() -> None:
    text = PAGE.read_text()
    held = text.partition("<!-- actions: begin -->\n")[2].partition("<!-- actions: end -->")[0]
    assert held == reference(Catalog.builtin()), "write it anew: kubernaut actions --markdown"


def test_the_python_that_the_page_shows_runs() -> None:
    (block,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(ast.parse(block), str(PAGE), "exec"), names)
    catalog = names["catalog"]
    assert isinstance(catalog, Catalog)
    assert len(catalog.get("patch-resource").targets) == 4
