# SPDX-License-Identifier: Apache-2.0
"""Discovery: what a client reads before it has a token."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

BASE = "http://127.0.0.1:8774"


def test_compute_lists_v2_0_first_and_v2_1_with_its_microversions(anyone: FlaskClient) -> None:
    versions = anyone.get("/compute/").get_json()["versions"]

    assert [version["id"] for version in versions] == ["v2.0", "v2.1"]
    assert versions[1] == {
        "id": "v2.1",
        "links": [{"href": f"{BASE}/compute/v2.1/", "rel": "self"}],
        "status": "CURRENT",
        "version": "2.96",
        "min_version": "2.1",
        "updated": "2013-07-23T11:33:21Z",
    }


@pytest.mark.parametrize("version", ["v2", "v2.1"])
def test_each_self_link_of_compute_gives_itself(anyone: FlaskClient, version: str) -> None:
    document = anyone.get(f"/compute/{version}/").get_json()["version"]

    assert document["links"][0] == {"href": f"{BASE}/compute/{version}/", "rel": "self"}


def test_identity_offers_v3_with_300_multiple_choices(anyone: FlaskClient) -> None:
    answer = anyone.get("/identity")

    assert answer.status_code == 300
    (version,) = answer.get_json()["versions"]["values"]
    assert version["id"] == "v3.14"
    assert version["status"] == "stable"
    assert version["links"] == [{"href": f"{BASE}/identity/v3/", "rel": "self"}]


def test_image_offers_its_versions_with_300_and_lists_them_with_200(anyone: FlaskClient) -> None:
    offer, listing = anyone.get("/image/"), anyone.get("/image/versions")

    assert (offer.status_code, listing.status_code) == (300, 200)
    assert offer.get_json() == listing.get_json()
    assert offer.get_json()["versions"][0] == {
        "id": "v2.7",
        "status": "CURRENT",
        "links": [{"href": f"{BASE}/image/v2/", "rel": "self"}],
    }


def test_network_names_its_version_and_resources(anyone: FlaskClient) -> None:
    versions = anyone.get("/network/").get_json()["versions"]
    resources = anyone.get("/network/v2.0/").get_json()["resources"]

    assert [(version["id"], version["status"]) for version in versions] == [("v2.0", "CURRENT")]
    assert [resource["collection"] for resource in resources] == ["networks", "subnets", "ports"]


@pytest.mark.parametrize(
    "path", ["/identity", "/identity/v3", "/compute", "/compute/v2.1", "/image", "/network"]
)
def test_a_slash_at_the_end_changes_nothing(anyone: FlaskClient, path: str) -> None:
    assert anyone.get(path + "/").get_json() == anyone.get(path).get_json()


def test_healthz_answers_without_a_token(anyone: FlaskClient) -> None:
    assert anyone.get("/healthz").get_json() == {"status": "ok"}


def test_the_root_says_where_the_services_are(anyone: FlaskClient) -> None:
    assert anyone.get("/").get_json() == {
        "identity": f"{BASE}/identity",
        "compute": f"{BASE}/compute",
        "image": f"{BASE}/image",
        "network": f"{BASE}/network",
    }
