# SPDX-License-Identifier: Apache-2.0
"""A JSON patch of an image, in either form of the standard, made `Edit`s. Pure.

The forms are told apart by their media types. The newer is the `add`, `replace` and `remove` of
RFC 6902; in the older each is the key of the pointer, and `add` refuses a property that is there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, get_args

from jsonschema import Draft202012Validator

from agent.api.image.attributes import MAX_TEXT, PROPERTY, TAG, WRITABLE
from agent.api.parse import check
from agent.errors import BadRequest, Forbidden, LimitExceeded
from agent.model.imageedit import Edit, Verb
from agent.model.imagenames import check_writable

PATCH_2_1 = "application/openstack-images-v2.1-json-patch"
PATCH_2_0 = "application/openstack-images-v2.0-json-patch"

MAX_EDITS = 1000

VERBS: tuple[Verb, ...] = get_args(Verb)

_ESCAPE = re.compile(r"~(?![01])")
_POSITION = re.compile(r"-|0|[1-9][0-9]{0,3}")

_VALUES = {
    name: Draft202012Validator({"type": "object", "properties": {name: schema}})
    for name, schema in WRITABLE.items()
}
_TAG = Draft202012Validator({"type": "object", "properties": {"tags": TAG}})
_PROPERTY = Draft202012Validator(
    {
        "type": "object",
        "additionalProperties": PROPERTY,
    }
)


def parse_patch(document: object, media_type: str) -> list[Edit]:
    """Read a patch; an error names the operation or the attribute.

    `BadRequest` for what is no patch, `Forbidden` for what may not be written, `LimitExceeded`.
    """
    if not isinstance(document, list):
        raise BadRequest("Malformed request body: a patch must be a JSON array of operations.")
    if len(document) > MAX_EDITS:
        raise LimitExceeded(f"A patch may have {MAX_EDITS} operations, not {len(document)}.")
    return [_parse(number, operation, media_type) for number, operation in enumerate(document)]


def _parse(number: int, operation: object, media_type: str) -> Edit:
    if not isinstance(operation, dict):
        raise BadRequest(f"Operation {number}: must be a JSON object.")
    verb, pointer = (_read_2_0 if media_type == PATCH_2_0 else _read_2_1)(number, operation)
    name, *rest = _split(number, pointer)
    check_writable(name)
    if name == "id":
        raise Forbidden("Attribute 'id' is read-only.")
    if len(rest) > (name == "tags"):
        raise BadRequest(f"Operation {number}: the path leads into '{name[:MAX_TEXT]}' too deep.")
    position = _parse_position(verb, rest[0]) if rest else None
    value = None
    if verb != "remove":
        if "value" not in operation:
            raise BadRequest(f"Operation {number}: 'value' is a required property.")
        value = _parse_value(name, position, operation["value"])
    return Edit(verb, name, value, position, only_new=media_type == PATCH_2_0)


def _read_2_1(number: int, operation: Mapping[str, Any]) -> tuple[Verb, str]:
    verb = next((verb for verb in VERBS if verb == operation.get("op")), None)
    if verb is None:
        raise BadRequest(f"Operation {number}: op must be one of {', '.join(VERBS)}.")
    if not isinstance(operation.get("path"), str):
        raise BadRequest(f"Operation {number}: path must be a JSON pointer.")
    return verb, operation["path"]


def _read_2_0(number: int, operation: Mapping[str, Any]) -> tuple[Verb, str]:
    verbs = [verb for verb in VERBS if verb in operation]
    if len(verbs) != 1:
        raise BadRequest(f"Operation {number}: must have just one of {', '.join(VERBS)}.")
    if not isinstance(operation[verbs[0]], str):
        raise BadRequest(f"Operation {number}: {verbs[0]} must be a JSON pointer.")
    return verbs[0], operation[verbs[0]]


def _split(number: int, pointer: str) -> list[str]:
    """Read a JSON pointer (RFC 6901): "/a~1b" is the name "a/b"."""
    root, *names = pointer.split("/")
    if root or not names or "" in names or _ESCAPE.search(pointer):
        raise BadRequest(f"Operation {number}: the path is no JSON pointer to an attribute.")
    decoded = [name.replace("~1", "/").replace("~0", "~") for name in names]
    if len(decoded[0]) > MAX_TEXT:
        raise BadRequest(f"Operation {number}: a name has at most {MAX_TEXT} characters.")
    return decoded


def _parse_position(verb: Verb, text: str) -> str:
    if not _POSITION.fullmatch(text) or (text == "-" and verb != "add"):
        raise BadRequest("tags: the path must end with a tag's number, or with '-' to add one.")
    return text


def _parse_value(name: str, position: str | None, value: Any) -> Any:
    if position is not None:
        check(_TAG, {"tags": value})
    elif name in WRITABLE:
        check(_VALUES[name], {name: value})
    else:
        check(_PROPERTY, {name: value})
    if isinstance(value, float):
        return int(value)  # a whole number may be written 1.0 in JSON
    return tuple(value) if isinstance(value, list) else value
