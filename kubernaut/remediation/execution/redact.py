"""Removes secrets from text that leaves a pod's log for a status, where everyone who may read the object sees it."""

from __future__ import annotations

import re

from kubernaut.remediation.execution.secretdata import NAMES, REDACTED, hide

TAIL_BYTES = 64 * 1024

# A pod's log is written by strangers: every pattern takes linear time, so no run before a name is unbounded.
_PEM = re.compile(r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|\Z)", re.DOTALL)
# The end of a key whose beginning was cut off by the log's own limit.
_PEM_END = re.compile(r"\A(?:[A-Za-z0-9+/=]+\s+)+-----END [A-Z ]{0,40}PRIVATE KEY-----")
_AUTHORIZATION = re.compile(
    r"(?i)\b((?:proxy-)?authorization\"?\s*[:=]\s*\"?(?:(?:basic|bearer|token|digest)\s+)?)[^\s\",;]+"
)
_BEARER = re.compile(r"(?i)\b(bearer\s+)[A-Za-z0-9._~+/=-]{8,}")
_QUOTED = re.compile(rf"(?im)({NAMES}[\"']?\s*[:=]\s*)([\"'])(?:\\.|(?!\2)[^\\\n])*(?:\2|\\?$)")
_PLAIN = re.compile(rf"(?i)({NAMES}[\"']?\s*[:=]\s*)(?![\"'\[{{])[^\s,;&\"'}}]+")
_FLAG = re.compile(rf"(?i)(--[\w-]{{0,32}}?{NAMES}\s+)(?!-)\S+")
_URL = re.compile(r"((?<![a-zA-Z0-9+.-])[a-zA-Z][a-zA-Z0-9+.-]*://[^\s/:@]*:)[^\s/@]+(@)")
_JWT = re.compile(r"(?<![\w-])eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*")
_KNOWN = re.compile(r"\b(?:(?:AKIA|ASIA)[A-Z0-9]{16}|gh[pousr]_[A-Za-z0-9]{20,}|xox[abprs]-[A-Za-z0-9-]{10,})\b")
# What Kubernetes writes of an environment variable: the telling name and the value are two fields. Within another text
# their quotes are escaped.
_QUOTE = r"\\{0,8}[\"']?"
_VARIABLE = re.compile(
    rf"(?i)(name{_QUOTE}\s{{0,64}}:\s{{0,64}}{_QUOTE}[\w.-]{{0,64}}?{NAMES}{_QUOTE}\s{{0,64}},?\s{{0,64}}{_QUOTE}value{_QUOTE}"
    r"\s{0,64}:\s{0,64})((?P<quote>\\{1,8}[\"'])(?:(?!(?P=quote))[^\n])*|\"(?:\\.|[^\"\\\n])*\"?|'[^'\n]*'?|[^\s,}]+)"
)


def redact(text: str) -> str:
    """`text` with what looks like a credential replaced by `[REDACTED]`.

    Known forms only: names such as password, token or key with their values, Authorization headers, JWTs, private
    keys, credentials in URLs, well-known key prefixes, and Secrets as YAML or JSON, see `secretdata.hide`.
    """
    text = _PEM.sub(REDACTED, text)
    text = _PEM_END.sub(REDACTED, text)
    text = hide(text)
    text = _VARIABLE.sub(rf"\g<1>{REDACTED}", text)
    text = _AUTHORIZATION.sub(rf"\g<1>{REDACTED}", text)
    text = _BEARER.sub(rf"\g<1>{REDACTED}", text)
    text = _JWT.sub(REDACTED, text)
    text = _QUOTED.sub(rf"\g<1>\g<2>{REDACTED}\g<2>", text)
    text = _PLAIN.sub(rf"\g<1>{REDACTED}", text)
    text = _FLAG.sub(rf"\g<1>{REDACTED}", text)
    text = _URL.sub(rf"\g<1>{REDACTED}\g<2>", text)
    return _KNOWN.sub(REDACTED, text)


def tail(text: str, limit: int = TAIL_BYTES) -> str:
    """The last `limit` bytes of `text` in UTF-8, from a line's start where one is in reach, never half a character."""
    encoded = text.encode()
    if len(encoded) <= limit:
        return text
    cut = encoded[len(encoded) - limit :]
    newline = cut.find(b"\n")
    if 0 <= newline < len(cut) - 1:
        cut = cut[newline + 1 :]
    return cut.decode(errors="ignore")


def log_tail(text: str, limit: int = TAIL_BYTES) -> str:
    """The redacted tail of a log. Redacts first: a cut could part a secret from the name that gives it away."""
    return tail(redact(text.replace("\x00", "")), limit)
