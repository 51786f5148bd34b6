# SPDX-License-Identifier: Apache-2.0
"""Bytes to JSON to checked values: the strict part that all services share. Pure.

A message names the field and the rule, never the value: a value may be a password or a megabyte.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.exceptions import best_match

from agent.errors import BadRequest

MAX_DEPTH = 20
ENOUGH_ERRORS = 20  # to choose the one to tell from; a body of 98,000 wrong items has no more

TRUE = ("True", "TRUE", "true", "1", "ON", "On", "on", "YES", "Yes", "yes")
FALSE = ("False", "FALSE", "false", "0", "OFF", "Off", "off", "NO", "No", "no")

BOOLEAN: dict[str, Any] = {"enum": [True, *TRUE, False, *FALSE]}
"""The schema of a boolean as the Compute API takes it."""

_UUID = re.compile(r"[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}")
_NUMBER = re.compile(r"[0-9]+")
_DIGITS = 18  # a database keeps numbers of so many


def parse_json(raw: bytes) -> dict[str, Any]:
    """Read a JSON object; raises what `parse_document` does."""
    body = parse_document(raw)
    if not isinstance(body, dict):
        raise BadRequest("Malformed request body: it must be a JSON object.")
    return body


def parse_document(raw: bytes) -> object:
    """Read JSON; `BadRequest` for anything that two parsers might read differently."""
    try:
        body: object = json.loads(
            raw.decode("utf-8"), object_pairs_hook=_object, parse_constant=_no_constant
        )
    except RecursionError:
        raise BadRequest("The request body is nested too deeply.") from None
    except ValueError as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else "it is not valid JSON"
        raise BadRequest(f"Malformed request body: {reason}.") from None
    _check_contents(body)
    return body


def check(schema: Draft202012Validator, body: object) -> None:
    """Hold a value against a schema; `BadRequest` names the first field that breaks it."""
    error = best_match(islice(schema.iter_errors(body), ENOUGH_ERRORS))
    if error is not None:
        raise BadRequest(_explain(error))


def parse_uuid(text: object) -> str | None:
    """Write a uuid in its usual form; None when the text is none."""
    if not isinstance(text, str) or not _UUID.fullmatch(text):
        return None
    return str(uuid.UUID(text))


def parse_boolean(field: str, value: object) -> bool:
    """Read a boolean as the Compute API takes it: true, "True", "on", "1", …"""
    if value is True or (isinstance(value, str) and value in TRUE):
        return True
    if value is False or (isinstance(value, str) and value in FALSE):
        return False
    raise BadRequest(f"{field}: must be a boolean.")


def parse_count(field: str, text: str) -> int:
    """Read a whole number that is not negative; one beyond any count is 10 to the power of 18."""
    if not _NUMBER.fullmatch(text):
        raise BadRequest(f"{field}: must be a whole number of 0 or more.")
    digits = text.lstrip("0") or "0"
    return int(digits) if len(digits) <= _DIGITS else 10**_DIGITS


def parse_time(field: str, text: str) -> datetime:
    """Read a time of ISO 8601, in UTC when it does not say where."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadRequest(f"{field}: must be a time, such as 2026-01-31T12:00:00Z.") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadRequest("Malformed request body: an object has the same key twice.")
    return found


def _no_constant(name: str) -> None:
    raise BadRequest(f"Malformed request body: {name} is not a JSON number.")


def _check_contents(body: object) -> None:
    """Refuse deep nesting, and characters that no store or guest could keep."""
    level, depth = [body], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise BadRequest("The request body is nested too deeply.")
        below: list[object] = []
        for value in level:
            if isinstance(value, str):
                _check_text(value)
            elif isinstance(value, dict):
                below += [*value, *value.values()]
            elif isinstance(value, list):
                below += value
        level = below


def _check_text(text: str) -> None:
    if "\0" in text:
        raise BadRequest("Malformed request body: it holds the character NUL.")
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise BadRequest("Malformed request body: it holds half of a surrogate pair.")


def _explain(error: ValidationError) -> str:
    path = ".".join(str(part) for part in error.absolute_path) or "the request body"
    return f"Invalid input for field/attribute {path}: {_rule(error)}."


def _rule(error: ValidationError) -> str:
    schema: Mapping[str, Any] = error.schema if isinstance(error.schema, dict) else {}
    instance: Any = error.instance
    if error.validator == "required":
        missing = [name for name in schema["required"] if name not in instance]
        return f"'{missing[0]}' is a required property"
    if error.validator in {"additionalProperties", "unevaluatedProperties"}:
        extra = [name for name in instance if not _is_known(schema, name)]
        return f"additional properties are not allowed ('{extra[0][:60]}' was unexpected)"
    described = schema.get("description")
    if described:
        return f"it must be {described}"
    sentence = _SENTENCES.get(str(error.validator))
    return sentence(error.validator_value) if sentence else "it is not valid"


def _is_known(schema: Mapping[str, Any], name: str) -> bool:
    patterns = schema.get("patternProperties", {})
    return name in schema.get("properties", {}) or any(re.search(p, name) for p in patterns)


def _types(value: Any) -> str:
    return "it must be of type " + (value if isinstance(value, str) else " or ".join(value))


_SENTENCES: dict[str, Callable[[Any], str]] = {
    "type": _types,
    "enum": lambda value: f"it must be one of {', '.join(map(str, value))}",
    "minLength": lambda value: f"it must have at least {value} characters",
    "maxLength": lambda value: f"it must have at most {value} characters",
    "minItems": lambda value: f"it must have at least {value} items",
    "maxItems": lambda value: f"it must have at most {value} items",
    "minProperties": lambda value: f"it must have at least {value} properties",
    "maxProperties": lambda value: f"it must have at most {value} properties",
    "minimum": lambda value: f"it must be at least {value}",
    "maximum": lambda value: f"it must be at most {value}",
}
