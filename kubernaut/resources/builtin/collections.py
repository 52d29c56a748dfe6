"""Lists and maps as Go writes them: an empty one may travel as null."""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

_T = TypeVar("_T")


class _NullIsEmpty:
    """Reads null as the empty value: a nil slice or map that Go does not leave out is null on the wire."""

    def __init__(self, empty: Callable[[], Any]) -> None:
        self._empty = empty

    def _filled(self, value: Any) -> Any:
        return self._empty() if value is None else value

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        # After, not before: what is there is still read straight from JSON, without a dict in between.
        return core_schema.no_info_after_validator_function(self._filled, core_schema.nullable_schema(handler(source)))


ListOf = Annotated[list[_T], _NullIsEmpty(list)]
"""A list; null is read as empty."""

MapOf = Annotated[dict[str, _T], _NullIsEmpty(dict)]
"""A map from strings; null is read as empty."""
