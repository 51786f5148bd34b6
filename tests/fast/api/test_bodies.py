# SPDX-License-Identifier: Apache-2.0
"""What is refused before any use case sees it."""

from __future__ import annotations

import io
import logging

import pytest

from agent import api
from tests.fast.api.conftest import ApiClient
from tests.fast.smallcloud import SmallCloud

SERVERS = "/compute/v2.1/servers"
JSON = "application/json"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b'{"server": {"name": "a", "name": "b"}}',
        b"[]",
        b'"server"',
        b"[" * 100_000,
        b'{"server": ' + b'{"a":' * 30 + b"1" + b"}" * 30 + b"}",
        b'{"server": NaN}',
        b'{"server": {"name": "\\ud800"}}',
        b'{"server": {"name": "a\\u0000b"}}',
        b'{"server": "\xff"}',
        b'{"server": ' + b"9" * 5000 + b"}",
    ],
)
def test_a_malformed_body_is_400(client: ApiClient, body: bytes) -> None:
    answer = client.post(SERVERS, data=body, content_type=JSON)

    assert answer.status_code == 400
    assert answer.get_json()["badRequest"]["code"] == 400


def test_another_content_type_is_415(client: ApiClient) -> None:
    answer = client.post(SERVERS, data=b"<server/>", content_type="application/xml")

    assert answer.status_code == 415
    assert answer.get_json()["badMediaType"]["code"] == 415


def test_a_body_of_megabytes_is_413(client: ApiClient) -> None:
    body = b'{"server": {"name": "' + b"a" * 10_000_000 + b'"}}'

    answer = client.post(SERVERS, data=body, content_type=JSON)

    assert answer.status_code == 413
    assert answer.get_json()["overLimit"]["code"] == 413


def test_a_stream_of_unknown_length_is_cut_off_at_the_limit(client: ApiClient) -> None:
    answer = client.post(
        SERVERS,
        input_stream=io.BytesIO(b" " * 10_000_000),
        environ_overrides={"wsgi.input_terminated": True},
        content_type=JSON,
    )

    assert answer.status_code == 413


def test_a_wrong_method_is_405_and_says_which_are_right(client: ApiClient) -> None:
    answer = client.delete(SERVERS)

    assert answer.status_code == 405
    assert answer.get_json()["badMethod"]["code"] == 405
    assert "POST" in answer.headers["Allow"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (
            "/compute/v2.1/nothing",
            {"itemNotFound": {"code": 404, "message": "The resource could not be found."}},
        ),
        (
            "/identity/v3/nothing",
            {
                "error": {
                    "code": 404,
                    "title": "Not Found",
                    "message": "The resource could not be found.",
                }
            },
        ),
        (
            "/image/v2/nothing",
            {"code": 404, "title": "Not Found", "message": "The resource could not be found."},
        ),
        (
            "/network/v2.0/nothing",
            {
                "NeutronError": {
                    "type": "NotFound",
                    "message": "The resource could not be found.",
                    "detail": "",
                }
            },
        ),
    ],
)
def test_an_unknown_path_is_404_in_the_words_of_its_service(
    client: ApiClient, path: str, body: object
) -> None:
    answer = client.get(path)

    assert answer.status_code == 404
    assert answer.get_json() == body


def test_a_path_with_two_slashes_is_not_redirected(client: ApiClient) -> None:
    assert client.get("/compute//evil.example/..").status_code == 404


def test_a_bug_is_500_with_its_traceback_in_the_log_only(
    cloud: SmallCloud, client: ApiClient, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> str:
        raise KeyError("the-cause")

    broken = api.build_app(cloud.parts.cloud)
    broken.view_functions["compute_versions.list_versions"] = fail

    with caplog.at_level(logging.ERROR):
        answer = broken.test_client().get("/compute")

    assert answer.status_code == 500
    assert "Unexpected API Error" in answer.get_json()["computeFault"]["message"]
    assert "the-cause" not in answer.text
    assert "the-cause" in caplog.text
    assert answer.headers["x-openstack-request-id"] in caplog.text
