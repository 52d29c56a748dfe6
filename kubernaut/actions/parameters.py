"""Parameters of actions: strict models, and errors that name the field and the fix."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, WithJsonSchema
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

_SHOWN = 60
"""Characters of a name or value that a message repeats."""
ParametersT = TypeVar("ParametersT", bound="Parameters")


class ParameterError(ValueError):
    """One field of a request is wrong.

    `field` is its path in the spec (`parameters.replicas`), `message` what is wrong and what to write instead, `errors`
    every (field, message) that was found; the first is this one.
    """

    def __init__(self, field: str, message: str, errors: tuple[tuple[str, str], ...] = ()) -> None:
        self.field = field
        self.message = message
        self.errors = errors or ((field, message),)
        super().__init__("; ".join(f"{name}: {text}" for name, text in self.errors))


class Parameters(BaseModel):
    """Base of every action's parameters.

    Strict: `"5"` is no integer and `true` is no number. Unknown fields are refused. Python names are snake case,
    what travels is camel case. `opaque_parameters` are the fields, as they are written in a spec, whose texts may hold
    anything: no log, audit log, summary or message shows them, only a digest. Extend it by what else an action takes.
    """

    opaque_parameters: ClassVar[frozenset[str]] = frozenset({"manifest", "patch", "content"})

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, alias_generator=to_camel, populate_by_name=False
    )

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, camelCase, with defaults filled in and without nulls."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


def _truth(value: Any) -> Any:
    return value == "true" if value in ("true", "false") else value


Flag = Annotated[
    bool, BeforeValidator(_truth), WithJsonSchema({"anyOf": [{"type": "boolean"}, {"enum": ["true", "false"]}]})
]
"""A boolean, also as the text `true` or `false`: parameters of an execution are integers and strings."""


class NoParameters(Parameters):
    """For actions whose target says everything."""


def parse_parameters(
    model: type[ParametersT], raw: Mapping[str, Any] | None, *, action: str, captured: bool = False
) -> ParametersT:
    """Check `raw` (JSON values) against the action's parameters.

    `captured`: they were captured from the cluster, and documents among them may be longer than what people write.
    Raises ParameterError; its text lists every wrong field.
    """
    if raw is not None and not isinstance(raw, Mapping):
        raise ParameterError("parameters", f"must be an object, got {_describe(raw)}")
    try:
        return model.model_validate(dict(raw or {}), context={"captured": captured})
    except ValidationError as error:
        details = error.errors(include_url=False)
        errors = tuple((_path(detail["loc"]), _message(detail, details, model, action)) for detail in details)
        raise ParameterError(*errors[0], errors) from error


def parameter_names(model: type[Parameters]) -> list[str]:
    """The parameters an action takes, as they are written in a spec."""
    return [field.alias or name for name, field in model.model_fields.items()]


def _path(location: tuple[int | str, ...]) -> str:
    path = "parameters"
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{_short(part)}"
    return path


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def _message(detail: ErrorDetails, details: list[ErrorDetails], model: type[Parameters], action: str) -> str:
    kind, got, context = detail["type"], detail["input"], detail.get("ctx", {})
    if kind == "missing":
        return f"is required by {action}"
    if kind == "extra_forbidden":
        takes = ", ".join(parameter_names(model)) or "no parameters"
        return f"unknown parameter; {action} takes: {takes}"
    if kind in _TYPES:
        return f"must be {_TYPES[kind]}, got {_describe(got)}"
    if bounds := _bounds(detail, model):
        return f"must be {bounds}, got {_describe(got)}"
    if kind == "value_error":
        return str(context["error"])
    if kind == "string_too_long":
        return f"must have at most {context['max_length']} characters, got {len(got)}"
    if kind == "string_too_short":
        return "must not be empty"
    if kind == "string_pattern_mismatch":
        return f"is not well-formed (pattern {context['pattern']}), got {_describe(got)}"
    if kind == "literal_error":
        return f"must be one of {context.get('expected')}, got {_describe(got)}"
    return f"{detail['msg'][:1].lower()}{detail['msg'][1:]}, got {_describe(got)}"


_TYPES = {
    "int_type": "an integer",
    "int_from_float": "an integer",
    "int_parsing": "an integer",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "a string",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "an object",
    "model_type": "an object",
}


def _bounds(detail: ErrorDetails, model: type[Parameters]) -> str:
    """`between 0 and 100`: pydantic reports one bound, a reader wants both."""
    context = detail.get("ctx", {})
    low, high = context.get("ge"), context.get("le")
    if low is None and high is None:
        return ""
    field = next(
        (field for name, field in model.model_fields.items() if (field.alias or name) == detail["loc"][0]), None
    )
    if field is not None and len(detail["loc"]) == 1:
        for constraint in field.metadata:
            low = getattr(constraint, "ge", low)
            high = getattr(constraint, "le", high)
    if low is not None and high is not None:
        return f"between {low} and {high}"
    return f"at least {low}" if high is None else f"at most {high}"


def _describe(value: Any) -> str:
    """The value as a reader of YAML knows it, cut to a line."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case str():
            return f'the string "{_short(value)}"'
        case Mapping():
            return "an object"
        case list() | tuple():
            return "a list"
    return f"a {type(value).__name__}"
