"""Rows of tables: which cells each built-in kind has."""

from kubernaut.fake.apiserver.printers.columns import column, columns_of, created_text, name_column
from kubernaut.fake.apiserver.printers.kinds import NAMES, PRINTERS
from kubernaut.fake.apiserver.printers.pods import row_conditions
from kubernaut.fake.apiserver.printers.text import age, human_duration

__all__ = [
    "NAMES",
    "PRINTERS",
    "age",
    "column",
    "columns_of",
    "created_text",
    "human_duration",
    "name_column",
    "row_conditions",
]
