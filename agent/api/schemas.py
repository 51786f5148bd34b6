# SPDX-License-Identifier: Apache-2.0
"""The shapes that bodies of requests have in common, as JSON schemas. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jsonschema import Draft202012Validator


def closed(properties: Mapping[str, Any], required: Sequence[str] = ()) -> dict[str, Any]:
    """The schema of an object that has these properties and no other."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
    }


def body_of(name: str, value: Mapping[str, Any]) -> Draft202012Validator:
    """The schema of a body that has one thing, under its name, and nothing else."""
    return Draft202012Validator(closed({name: dict(value)}, [name]))
