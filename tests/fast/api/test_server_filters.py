# SPDX-License-Identifier: Apache-2.0
"""GET /servers?…: which of the servers a list shows."""

from __future__ import annotations

import pytest

from tests.fast.api.conftest import ApiClient, make_server
from tests.fast.smallcloud import SmallCloud

SERVERS = "/compute/v2.1/servers"
NAMES = ("web-1", "web-2", "db.1", "a+b", "(odd", "WEB")


@pytest.fixture
def named(cloud: SmallCloud, client: ApiClient, image_id: str) -> dict[str, str]:
    """Six servers by name: web-1 is ACTIVE, web-2 SHUTOFF, the others still BUILD."""
    ids = {name: make_server(client, image_id, name=name) for name in NAMES[:2]}
    cloud.work()
    client.act(ids["web-2"], {"os-stop": None})
    cloud.work()
    return ids | {name: make_server(client, image_id, name=name) for name in NAMES[2:]}


def names(client: ApiClient, query: str, path: str = SERVERS) -> list[str]:
    answer = client.get(f"{path}?{query}")
    assert answer.status_code == 200, answer.text
    return sorted(server["name"] for server in answer.get_json()["servers"])


@pytest.mark.usefixtures("named")
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("name=web-1", ["web-1"]),
        ("name=web", ["web-1", "web-2"]),
        ("name=^web-[12]$", ["web-1", "web-2"]),
        ("name=^db.1$", ["db.1"]),
        ("name=a%2Bb", ["a+b"]),
        ("name=(odd", ["(odd"]),
        ("name=(?i)web$", ["WEB"]),
        ("name=zzz", []),
        ("name=", sorted(NAMES)),
        ("name=(a%2B)%2B$", []),
        ("status=ACTIVE", ["web-1"]),
        ("status=active", ["web-1"]),
        ("status=SHUTOFF&status=ACTIVE", ["web-1", "web-2"]),
        ("status=BUILD&name=^db", ["db.1"]),
        ("status=ERROR", []),
        ("status=NONSENSE", []),
        ("flavor=1", sorted(NAMES)),
        ("flavor=2", []),
        ("image=b9a3c1f2-0000-4000-8000-000000000001", []),
        ("deleted=False&sort_key=created_at&sort_dir=desc", sorted(NAMES)),
        ("something_of_tomorrow=1", sorted(NAMES)),
    ],
)
def test_a_filter_lets_through_what_it_says(
    client: ApiClient, query: str, found: list[str]
) -> None:
    assert names(client, query) == found
    assert names(client, query, f"{SERVERS}/detail") == found


def test_the_image_filters(client: ApiClient, named: dict[str, str], image_id: str) -> None:
    assert names(client, f"image={image_id}") == sorted(named)


def test_a_status_is_what_is_shown_now(
    cloud: SmallCloud, client: ApiClient, named: dict[str, str]
) -> None:
    client.act(named["web-1"], {"reboot": {"type": "HARD"}})
    rebooting = names(client, "status=HARD_REBOOT")
    still_active = names(client, "status=ACTIVE")
    cloud.parts.engine.on_lost("a test")
    cloud.clock.advance(60)

    assert (rebooting, still_active) == (["web-1"], [])
    assert names(client, "status=UNKNOWN") == ["web-1", "web-2"]
    assert names(client, "status=BUILD") == ["(odd", "WEB", "a+b", "db.1"]


def test_a_filter_goes_with_the_pages(client: ApiClient, named: dict[str, str]) -> None:
    first = client.get(f"{SERVERS}?name=web-&limit=1").get_json()
    second = client.get(first["servers_links"][0]["href"].split("8774")[1]).get_json()

    shown = {page["servers"][0]["id"] for page in (first, second)}
    assert shown == {named["web-1"], named["web-2"]}


# What users may not filter by, or nobody knows, lets all through, as in the standard.
@pytest.mark.usefixtures("named")
@pytest.mark.parametrize(
    "query",
    [
        *("host=elsewhere", "vm_state=stopped", "task_state=spawning", "uuid=none", "node=x"),
        *("tenant_id=other", "user_id=other", "deleted=true", "deleted=perhaps", "locked=true"),
        *("tags=a", "not-tags-any=a", "ip6=fe80", "changes-before=2020-01-01", "hostname=zzz"),
        *("key_name=zzz", "config_drive=perhaps", "metadata=x", "_internal=x"),
    ],
)
def test_what_a_user_may_not_filter_by_at_first_lets_all_through(
    client: ApiClient, query: str
) -> None:
    assert names(client, query) == sorted(NAMES)


def test_a_pattern_that_explodes_elsewhere_takes_no_time(client: ApiClient, image_id: str) -> None:
    make_server(client, image_id, name="a" * 255)

    assert names(client, "name=(a%2B)%2B$") == ["a" * 255]
    assert names(client, "name=(a%2B)%2Bb") == []
    assert names(client, "name=" + "(" * 50 + "a" + "){100}" * 50) == []
