# SPDX-License-Identifier: Apache-2.0
"""The unmodified `openstack` client and openstacksdk keep accounts, as they do in any cloud."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests.clients.sdk import SDK_TO_ITSELF, connected
from tests.lab.cloud import BIN, LiveCloud
from tests.lab.commands import CommandError, run

pytestmark = pytest.mark.clients


def ask(cloud: LiveCloud, *arguments: str, as_cloud: str = "cumulet-admin") -> Any:
    """Run a command of the client as the administrator and read the JSON that it prints."""
    return json.loads(cloud.openstack(*arguments, "-f", "json", cloud=as_cloud))


def as_user(cloud: LiveCloud, *arguments: str, **auth: str) -> str:
    """Run a command of the client with credentials given by the environment alone."""
    others = {key: value for key, value in os.environ.items() if not key.startswith("OS_")}
    given = {f"OS_{key.upper()}": value for key, value in auth.items()}
    environment = {
        **others,
        "OS_AUTH_URL": f"{cloud.url}/identity/v3",
        "OS_IDENTITY_API_VERSION": "3",
        "NO_PROXY": "127.0.0.1",
        **given,
    }
    return run([BIN / "openstack", *arguments], env=environment, timeout_s=120).stdout


@pytest.fixture
def sdk(live: LiveCloud) -> Iterator[Any]:
    """Openstacksdk, as the administrator."""
    with connected(live, "cumulet-admin") as connection:
        yield connection


def test_accounts_by_the_client(live: LiveCloud) -> None:
    project = ask(live, "project", "create", "physics", "--description", "Room 12")
    assert (project["name"], project["domain_id"]) == ("physics", "default")
    user = ask(
        live,
        *("user", "create", "ann", "--password", "first", "--project", "physics"),
        *("--email", "ann@example.org"),
    )
    assert (user["name"], user["email"], user["enabled"]) == ("ann", "ann@example.org", True)
    live.openstack(
        *("role", "add", "--user", "ann", "--project", "physics", "member"),
        cloud="cumulet-admin",
    )
    (grant,) = ask(live, "role", "assignment", "list", "--user", "ann", "--names")
    assert (grant["Role"], grant["User"]) == ("member", "ann@Default")
    assert grant["Project"] == "physics@Default"

    auth = {
        "username": "ann",
        "project_name": "physics",
        "user_domain_id": "default",
        "project_domain_id": "default",
    }
    token = json.loads(as_user(live, "token", "issue", "-f", "json", password="first", **auth))
    assert token["project_id"] == project["id"]
    as_user(
        live,
        *("user", "password", "set", "--original-password", "first", "--password", "second"),
        password="first",
        **auth,
    )
    with pytest.raises(CommandError, match="401"):
        as_user(live, "token", "issue", password="first", **auth)
    own = json.loads(as_user(live, "project", "list", "-f", "json", password="second", **auth))
    assert [one["Name"] for one in own] == ["physics"]
    with pytest.raises(CommandError, match="needs the role admin"):
        as_user(live, "user", "list", password="second", **auth)

    live.openstack("user", "set", "ann", "--disable", cloud="cumulet-admin")
    with pytest.raises(CommandError, match="401"):
        as_user(live, "token", "issue", password="second", **auth)
    live.openstack("user", "delete", "ann", cloud="cumulet-admin")
    live.openstack("project", "delete", "physics", cloud="cumulet-admin")
    assert {one["Name"] for one in ask(live, "user", "list")} >= {"admin", "lab"}
    assert "ann" not in {one["Name"] for one in ask(live, "user", "list")}


def test_an_application_credential_by_the_client(live: LiveCloud) -> None:
    made = ask(
        live,
        *("application", "credential", "create", "robot", "--role", "reader"),
        *("--expiration", "2099-01-01T00:00:00"),
        as_cloud="cumulet",
    )
    auth = {
        "auth_type": "v3applicationcredential",
        "application_credential_id": made.get("ID") or made["id"],
        "application_credential_secret": made.get("Secret") or made["secret"],
    }

    assert json.loads(as_user(live, "server", "list", "-f", "json", **auth)) == []
    with pytest.raises(CommandError, match="the role reader may look and change nothing"):
        as_user(live, "keypair", "create", "k", **auth)

    listed = ask(live, "application", "credential", "list", as_cloud="cumulet")
    assert [one["Name"] for one in listed] == ["robot"]
    shown = ask(live, "application", "credential", "show", "robot", as_cloud="cumulet")
    assert (shown.get("Name") or shown["name"]) == "robot"
    live.openstack("application", "credential", "delete", "robot")
    with pytest.raises(CommandError, match="401"):
        as_user(live, "server", "list", **auth)


def test_the_places_by_the_client(live: LiveCloud) -> None:
    assert [one["Region"] for one in ask(live, "region", "list")] == ["RegionOne"]
    assert [one["Name"] for one in ask(live, "domain", "list")] == ["Default"]
    assert len(ask(live, "endpoint", "list")) == 12
    assert {one["Type"] for one in ask(live, "service", "list")} == {
        *("identity", "compute", "image", "network")
    }
    role = ask(live, "role", "create", "auditor")
    assert ask(live, "role", "show", "auditor")["id"] == role["id"]
    live.openstack("role", "delete", "auditor", cloud="cumulet-admin")


@SDK_TO_ITSELF
def test_accounts_by_the_sdk(sdk: Any) -> None:
    identity = sdk.identity
    project = identity.create_project(name="red", description="", is_enabled=True)
    user = identity.create_user(name="bob", password="secret", default_project_id=project.id)
    role = identity.find_role("member")
    identity.assign_project_role_to_user(project, user, role)
    assert identity.validate_user_has_project_role(project, user, role)
    found = list(identity.role_assignments(user_id=user.id, include_names=True))
    assert [(one.role["name"], one.scope["project"]["name"]) for one in found] == [
        ("member", "red")
    ]
    assert sdk.get_user("bob").id == user.id
    assert identity.update_user(user, name="rob").name == "rob"
    identity.unassign_project_role_from_user(project, user, role)
    assert not identity.validate_user_has_project_role(project, user, role)
    identity.delete_user(user)
    identity.delete_project(project)
    assert identity.find_project("red") is None
    assert identity.find_user("rob") is None


@SDK_TO_ITSELF
def test_application_credentials_by_the_sdk(live: LiveCloud, sdk: Any) -> None:
    user_id = sdk.current_user_id
    made = sdk.identity.create_application_credential(user_id, name="robot")
    auth = {
        "auth_url": f"{live.url}/identity/v3",
        "application_credential_id": made.id,
        "application_credential_secret": made.secret,
    }
    with connected(live, auth_type="v3applicationcredential", auth=auth) as robot:
        assert list(robot.compute.servers()) == []
    sdk.identity.delete_application_credential(user_id, made.id)
    assert list(sdk.identity.application_credentials(user_id)) == []
