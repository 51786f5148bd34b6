# SPDX-License-Identifier: Apache-2.0
"""Passwords: the rule, those that are made up, and how they are hidden."""

from __future__ import annotations

import base64
import re
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from oslo_utils import secretutils

from agent.errors import HostFailed
from agent.model.password import (
    ADMIN_USER,
    Credential,
    PasswordRule,
    account_of,
    find_account_problem,
    find_form_problem,
    is_windows,
)
from agent.passwords import Seal, hash_password

STRONG = PasswordRule(min_length=12, min_classes=4)


def test_a_password_is_made_up_as_nova_does() -> None:
    made = [PasswordRule().make_password() for _ in range(200)]

    assert all(len(password) == 12 for password in made)
    assert all(re.search("[2-9]", p) and re.search("[A-Z]", p) for p in made)
    assert all(re.search("[a-z]", p) for p in made)
    assert not any(re.search("[^2-9A-HJ-NP-Za-km-z]", p) for p in made)
    assert len(set(made)) == 200


@pytest.mark.parametrize("rule", [STRONG, PasswordRule(30, 0), PasswordRule(0, 4)])
def test_a_password_that_is_made_up_keeps_the_rule(rule: PasswordRule) -> None:
    assert [rule.find_problem(rule.make_password()) for _ in range(100)] == [None] * 100


def test_without_a_rule_any_password_is_taken() -> None:
    assert PasswordRule().find_problem("x") is None


@pytest.mark.parametrize(
    ("password", "problem"),
    [
        ("Aa1-Aa1-Aa1-", None),
        ("Aa1-Aa1-Aa1", "The password must have at least 12 characters."),
        (
            "Aa1Aa1Aa1Aa1",
            "The password must have characters of at least 4 of the classes digits, capitals, "
            "small letters and signs.",
        ),
        (
            "canary",
            "The password must have at least 12 characters and characters of at least 4 of the "
            "classes digits, capitals, small letters and signs.",
        ),
        ("Öö1 Öö1 Öö1 ", None),
    ],
)
def test_a_weak_password_is_told_why_and_not_repeated(password: str, problem: str | None) -> None:
    assert STRONG.find_problem(password) == problem


@pytest.mark.parametrize(
    "password", ["", "x" * 256, "é" * 128, "😀" * 64, "a\nb", "a\0b", "a\x7f", "\x1b"]
)
def test_what_no_console_can_take_is_no_password(password: str) -> None:
    assert find_form_problem(password) is not None


@pytest.mark.parametrize("password", ["x", "x" * 255, "é" * 127, "größte ☁ :$'\"\\", " "])
def test_all_else_is(password: str) -> None:
    assert find_form_problem(password) is None


@pytest.mark.parametrize(
    ("properties", "user"),
    [
        ({}, "root"),
        ({"os_admin_user": "debian"}, "debian"),
        ({"os_type": "windows"}, "Administrator"),
        ({"os_type": "Windows", "os_admin_user": "Admin"}, "Admin"),
        ({"os_type": "linux"}, "root"),
    ],
)
def test_the_account_is_the_images_administrators(properties: dict[str, str], user: str) -> None:
    assert account_of(properties) == user
    assert is_windows(properties) == ("indows" in properties.get("os_type", ""))


def test_a_hash_is_one_that_the_password_fits_with_a_salt_of_its_own() -> None:
    one, other = hash_password("größte:x"), hash_password("größte:x")

    assert one != other
    assert one.startswith("$6$")
    assert secretutils.crypt_password("größte:x", one) == one


def test_those_that_are_hashed_at_once_each_get_the_hash_of_their_own() -> None:
    passwords = [f"password {number}" for number in range(48)]

    with ThreadPoolExecutor(8) as pool:
        hashes = list(pool.map(hash_password, passwords))

    fitting = [
        secretutils.crypt_password(password, hashed)
        for password, hashed in zip(passwords, hashes, strict=True)
    ]
    assert fitting == hashes


def test_a_password_that_can_not_be_hashed_is_no_hash() -> None:
    with pytest.raises(HostFailed, match="could not be hashed"):
        hash_password("x" * 512)


def test_a_credential_shows_nothing_of_it() -> None:
    assert "canary" not in repr(Credential("root", hash="canary", sealed="canary"))


def test_what_is_sealed_can_be_opened_with_the_key_of_the_same_folder(tmp_path: Path) -> None:
    sealed = Seal(tmp_path / "secret.key").close("größte canary")

    assert "canary" not in sealed
    assert b"canary" not in base64.urlsafe_b64decode(sealed)
    assert Seal(tmp_path / "secret.key").open(sealed) == "größte canary"
    assert stat.S_IMODE((tmp_path / "secret.key").stat().st_mode) == 0o600


def test_two_that_make_the_key_at_once_make_one(tmp_path: Path) -> None:
    seal = Seal(tmp_path / "secret.key")
    with ThreadPoolExecutor(8) as threads:
        sealed = list(threads.map(seal.close, map(str, range(40))))

    assert [seal.open(text) for text in sealed] == [str(number) for number in range(40)]


def test_a_key_that_is_damaged_is_told_of_and_kept(tmp_path: Path) -> None:
    key = tmp_path / "secret.key"
    key.write_text("damaged")

    with pytest.raises(HostFailed, match=r"secret\.key of the state folder is damaged"):
        Seal(key).close("canary")
    assert key.read_text() == "damaged"


def test_another_key_opens_nothing_and_says_what_to_do(tmp_path: Path) -> None:
    sealed = Seal(tmp_path / "one.key").close("x")
    Seal(tmp_path / "other.key").close("y")

    for key in ("other.key", "none.key"):
        with pytest.raises(HostFailed, match=r"can't be read any more: .* Set a new password"):
            Seal(tmp_path / key).open(sealed)


@pytest.mark.parametrize("name", ["debian", "user.name@lab", "Mein Admin", "größe$", "", "it's"])
def test_an_image_may_name_any_account_of_linux_or_windows(name: str) -> None:
    assert find_account_problem({ADMIN_USER: name}) is None


@pytest.mark.parametrize(
    "name",
    ["root:x", "root\nadmin", "a\0", "a\u2028b", "-e", " root", "root ", "../a", "n" * 256, "\t"],
)
def test_an_image_names_no_account_that_none_can_be(name: str) -> None:
    """chpasswd reads lines of NAME:HASH: neither sign may be a part of the name."""
    problem = find_account_problem({ADMIN_USER: name})

    assert problem is not None
    assert problem.startswith("os_admin_user: an account's name must not ")
