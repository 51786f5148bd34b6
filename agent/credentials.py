# SPDX-License-Identifier: Apache-2.0
"""The two accounts that init makes, and clouds.yaml, the only place that has their passwords.

What a user has written into the file is kept, but for where the cloud is. A file that is lost or
can't be read takes the passwords with it: then new ones are set.
"""

from __future__ import annotations

import copy
import os
import uuid
from pathlib import Path
from typing import Any

import yaml

from agent.config import Config
from agent.identity.hashing import hash_password, make_secret
from agent.model.identity import ROLES, Project, User
from agent.store import Store
from agent.wholefile import create_private, refusals, whole_file

ACCOUNTS = {"cumulet": ("lab", ("member", "reader")), "cumulet-admin": ("admin", ROLES)}
"""The clouds of clouds.yaml: the name of user and project, and the user's roles there."""


def ensure_accounts(config: Config, store: Store, notes: list[str]) -> Path:
    """Make what is missing of accounts and clouds.yaml, and note what is not as it was before."""
    path = config.state_dir / "clouds.yaml"
    is_first = not store.identity.has_any_user()
    before = _read(path)
    document = {"clouds": {}} if before is None else copy.deepcopy(before)
    clouds = document["clouds"]
    is_lost = not any(_find_auth(clouds, cloud) for cloud in ACCOUNTS)
    if is_lost and not is_first:
        notes.append(f"The passwords were lost with {path}. New ones are set, and are in it now.")
    for cloud, (name, roles) in ACCOUNTS.items():
        password = _find_password(clouds, cloud, name)
        is_there = store.identity.find_user(name) is not None
        if password is None and is_there and not is_lost:
            continue  # whoever keeps the file has taken it out
        if password is None:
            password = make_secret()
            clouds[cloud] = _entry(name, password)
        if is_lost or not is_there:
            _set_account(store, name, password, roles)
    if _point(clouds, config) and not is_lost:
        notes.append(f"{path} says {config.url} now; the passwords are as they were.")
    if document != before:
        if before is None:
            _set_aside(path, notes)
        write_private(path, yaml.safe_dump(document, sort_keys=False))
    return path


def write_private(path: Path, text: str) -> None:
    """Write a file that only root reads, whole or not at all."""
    with whole_file(path) as part, os.fdopen(create_private(part), "w") as file:
        file.write(text)


def _read(path: Path) -> dict[str, Any] | None:
    """What the file holds; None when there is none, or nothing that a client could use."""
    with refusals(f"{path} can't be read"):
        try:
            document = yaml.safe_load(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (yaml.YAMLError, ValueError, RecursionError):  # no UTF-8 is a ValueError
            return None
    usable = isinstance(document, dict) and isinstance(document.get("clouds"), dict)
    return document if usable else None


def _find_auth(clouds: dict[str, Any], cloud: str) -> dict[str, Any]:
    entry = clouds.get(cloud)
    auth = entry.get("auth") if isinstance(entry, dict) else None
    return auth if isinstance(auth, dict) else {}


def _find_password(clouds: dict[str, Any], cloud: str, name: str) -> str | None:
    auth = _find_auth(clouds, cloud)
    password = auth.get("password")
    return password if auth.get("username") == name and isinstance(password, str) else None


def _entry(name: str, password: str) -> dict[str, Any]:
    return {
        "auth": {
            "auth_url": "",
            "username": name,
            "password": password,
            "project_name": name,
            "user_domain_id": "default",
            "project_domain_id": "default",
        },
        "region_name": "",
        "identity_api_version": "3",
    }


def _point(clouds: dict[str, Any], config: Config) -> bool:
    """Let our clouds say where the cloud is; whether that changed anything."""
    changed = False
    for cloud in ACCOUNTS:
        auth = _find_auth(clouds, cloud)
        if not auth:
            continue
        has = (auth.get("auth_url"), clouds[cloud].get("region_name"))
        wanted = (f"{config.url}/identity/v3", config.region)
        auth["auth_url"], clouds[cloud]["region_name"] = wanted
        changed = changed or has != wanted
    return changed


def _set_account(store: Store, name: str, password: str, roles: tuple[str, ...]) -> None:
    project = store.identity.find_project(name)
    if project is None:
        project = Project(id=uuid.uuid4().hex, name=name)
        store.identity.add_project(project)
    user = store.identity.find_user(name)
    if user is None:
        user = User(uuid.uuid4().hex, name, hash_password(password), True, project.id)
        store.identity.add_user(user)
    else:
        store.identity.update_user(user.id, password_hash=hash_password(password))
    for role in roles:
        store.grants.assign(user.id, project.id, store.identity.ensure_role(role).id)


def _set_aside(path: Path, notes: list[str]) -> None:
    """Keep a file that can't be read, unless there is nothing in it."""
    if path.exists() and path.read_bytes().strip():
        broken = path.with_name(f"{path.name}.broken")
        path.replace(broken)
        notes.append(f"What was in it and is no clouds.yaml is kept as {broken}.")
