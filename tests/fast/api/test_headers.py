# SPDX-License-Identifier: Apache-2.0
"""Headers of every reply, and the versions that a request may ask for."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from tests.fast.api.conftest import ApiClient

REQUEST_ID = re.compile(r"req-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@pytest.mark.parametrize("path", ["/servers", "/servers/nothing", "/no-such-path"])
def test_every_compute_reply_says_version_and_request_id(client: ApiClient, path: str) -> None:
    headers = client.get(f"/compute/v2.1{path}").headers

    assert headers["OpenStack-API-Version"] == "compute 2.1"
    assert headers["X-OpenStack-Nova-API-Version"] == "2.1"
    assert headers["Vary"] == "OpenStack-API-Version, X-OpenStack-Nova-API-Version"
    assert REQUEST_ID.fullmatch(headers["x-openstack-request-id"])
    assert headers["x-compute-request-id"] == headers["x-openstack-request-id"]


def test_two_requests_have_two_ids(anyone: FlaskClient) -> None:
    ids = {anyone.get("/healthz").headers["x-openstack-request-id"] for _ in range(2)}

    assert len(ids) == 2


@pytest.mark.parametrize(
    ("headers", "taken"),
    [
        ({}, "2.1"),
        ({"OpenStack-API-Version": "compute 2.1"}, "2.1"),
        ({"OpenStack-API-Version": "compute 2.26"}, "2.26"),
        ({"OpenStack-API-Version": "compute latest"}, "2.96"),
        ({"OpenStack-API-Version": "volume 3.71, compute 2.1"}, "2.1"),
        ({"OpenStack-API-Version": "volume 3.71"}, "2.1"),
        ({"X-OpenStack-Nova-API-Version": "2.1"}, "2.1"),
        ({"X-OpenStack-Nova-API-Version": "latest"}, "2.96"),
    ],
)
def test_a_version_that_is_served_is_taken(
    client: ApiClient, headers: dict[str, str], taken: str
) -> None:
    answer = client.get("/compute/v2.1/servers", headers=headers)

    assert answer.status_code == 200
    assert answer.headers["OpenStack-API-Version"] == f"compute {taken}"


@pytest.mark.parametrize("header", ["OpenStack-API-Version", "X-OpenStack-Nova-API-Version"])
def test_a_version_that_is_not_served_is_406_with_the_range(client: ApiClient, header: str) -> None:
    asked = "compute 2.97" if header == "OpenStack-API-Version" else "2.97"

    answer = client.get("/compute/v2.1/servers", headers={header: asked})

    assert answer.status_code == 406
    assert answer.get_json() == {
        "computeFault": {
            "code": 406,
            "message": "Version 2.97 is not supported by the API. "
            "Minimum is 2.1 and maximum is 2.96.",
        }
    }


@pytest.mark.parametrize("asked", ["compute", "compute two", "compute 2", "compute 2.01"])
def test_what_is_no_version_is_400(client: ApiClient, asked: str) -> None:
    answer = client.get("/compute/v2.1/servers", headers={"OpenStack-API-Version": asked})

    assert answer.status_code == 400
    assert "MajorNum.MinorNum" in answer.get_json()["badRequest"]["message"]


@pytest.mark.parametrize("name", ["%00", "a%00b", "%ED%A0%80", "%ff"])
@pytest.mark.parametrize(
    "path",
    [
        "/compute/v2.1/servers/x/tags/",
        "/compute/v2.1/servers/x/metadata/",
        "/network/v2.0/networks/x/tags/",
        "/image/v2/images/x/tags/",
    ],
)
def test_a_path_that_is_no_text_is_refused(anyone: FlaskClient, path: str, name: str) -> None:
    answer = anyone.put(path + name, json={})

    assert answer.status_code == 400
    assert "path" in answer.text
    assert REQUEST_ID.fullmatch(answer.headers["x-openstack-request-id"])
