# SPDX-License-Identifier: Apache-2.0
"""Replies as JSON: what orjson does not write is written too."""

from __future__ import annotations

import json

import pytest
from flask import Flask, jsonify

from agent.api.rendering import Json, rendered, to_json


@pytest.mark.parametrize(
    "document",
    [
        {},
        [],
        {"name": "Zürich ☃ 🖥", "none": None, "numbers": [1, -2, 0.5, True]},
        {"half": "\ud83d"},
        {"large": 2**70},
    ],
    ids=["object", "list", "text", "half a pair", "large number"],
)
def test_what_is_written_is_read_as_it_was(document: object) -> None:
    assert json.loads(to_json(document)) == document


def test_a_part_that_is_written_already_stands_as_it_is() -> None:
    parts = [{"id": 1, "name": "é"}, {"half": "\ud83d"}]
    whole = to_json({"servers": [rendered(part) for part in parts], "links": []})
    assert json.loads(whole) == {"servers": parts, "links": []}


def test_flask_answers_with_it() -> None:
    app = Flask("answers")
    app.json = Json(app)
    with app.app_context():
        answer = jsonify(server={"name": "é"})
    assert answer.mimetype == "application/json"
    assert answer.data == '{"server":{"name":"é"}}\n'.encode()
