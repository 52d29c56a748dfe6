"""What kubectl writes to stderr when something fails, worded as kubectl words it."""

from __future__ import annotations

from kubernaut.client import ApiError


class KubectlError(Exception):
    """The command fails with exit code 1; the text is the whole of what goes to stderr."""


def usage_error(message: str, command: str) -> KubectlError:
    """A flag that cannot be parsed."""
    return KubectlError(f"Error: {message}\nSee 'kubectl {command} --help' for usage.")


def describe(error: ApiError) -> str:
    """The lines kubectl prints for an answer of the server that is an error."""
    if error.reason == "Invalid":
        return _describe_invalid(error)
    if error.reason == "Unauthorized":
        return f"error: You must be logged in to the server ({error.message})"
    reason = f" ({error.reason})" if error.reason else ""
    return f"Error from server{reason}: {error.message}"


def _describe_invalid(error: ApiError) -> str:
    details = error.details
    subject = "The request is invalid"
    if details.get("kind") or details.get("name"):
        subject = f'The {details.get("kind", "")} "{details.get("name", "")}" is invalid'
    elif error.message and not error.causes:
        return f"{subject}: {error.message}"
    causes = list(dict.fromkeys(f"{cause.field}: {cause.message}" for cause in error.causes))
    if not causes:
        return subject
    if len(causes) == 1:
        return f"{subject}: {causes[0]}"
    return "\n".join([f"{subject}: ", *(f"* {cause}" for cause in causes)])
