# SPDX-License-Identifier: Apache-2.0
"""Which of tempest's tests are run, and what is made of what it says. Tempest itself isn't here."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from tests.conformance.outcomes import Report, judge
from tests.conformance.records import render_result, result_path
from tests.conformance.selection import (
    COMPUTE,
    DEFAULT,
    Skips,
    Test,
    choose,
    choose_again,
    read_names,
)
from tests.conformance.settings import (
    COMPUTE_FEATURES,
    Settings,
    settings_of_variant,
    write_settings,
)
from tests.conformance.variants import VARIANTS, Variant, dead_variants, share_out

CASE = "tempest.api.image.v2.test_images.ImagesTest"
UPLOAD = Test.parse(f"{CASE}.test_upload[id-1,smoke]")
SHARE = Test.parse(f"{CASE}.test_share[id-2]")
TRUST = Test.parse("tempest.api.identity.v3.test_trusts.TrustsTest.test_trust[id-3]")
SERVER = Test.parse("tempest.api.compute.servers.ServersTest.test_server[id-4]")
EVERY = [UPLOAD, SHARE, TRUST, SERVER]
IMAGES = Variant("images", "they are few", r"\.ImagesTest$", {"hw_machine_type": "pc"}, {"x": True})
SERVERS = Variant("servers", "they are slow", r"\.ServersTest$", {}, {})
SKIPS = Skips(left_out={r"\.test_trusts\.": "no trusts"}, by_tempest={"test_share$": "one store"})


def test_a_test_has_a_name_and_a_class() -> None:
    assert UPLOAD.name == f"{CASE}.test_upload"
    assert UPLOAD.case == CASE
    assert Test.parse("a.B.test_c[id-1](qcow2)").name == "a.B.test_c(qcow2)"


def test_compute_identity_and_images_are_judged_unless_told_otherwise() -> None:
    assert choose(EVERY, DEFAULT) == [SERVER, TRUST, SHARE, UPLOAD]
    assert choose(EVERY, COMPUTE) == [SERVER]
    assert choose(EVERY, "server|share") == [SERVER, SHARE]


def test_what_failed_is_run_again_and_a_class_that_could_not_be_torn_down_whole() -> None:
    assert choose_again(EVERY, [SERVER.name]) == [SERVER]
    assert choose_again(EVERY, [CASE]) == [UPLOAD, SHARE]
    assert choose_again(EVERY, []) == []


def test_each_test_counts_once() -> None:
    reports = [Report(UPLOAD.id, "success"), Report(SHARE.id, "skip", reason="only one store")]

    result = judge(EVERY, reports, SKIPS)

    assert result.passed == [UPLOAD.name]
    assert result.failed == [SERVER.name]  # of which nothing was heard
    assert result.skipped == {SHARE.name: "one store", TRUST.name: "no trusts"}
    assert result.stray == {}
    assert result.counts == "1 passed, 1 failed, 2 skipped"


@pytest.mark.parametrize("status", ["fail", "inprogress", "uxsuccess", "xfail", "unheard of"])
def test_what_did_not_pass_failed(status: str) -> None:
    assert judge([UPLOAD], [Report(UPLOAD.id, status)], SKIPS).failed == [UPLOAD.name]


def test_a_skip_without_a_reason_in_the_file_is_told() -> None:
    result = judge([UPLOAD], [Report(UPLOAD.id, "skip", reason="not today")], SKIPS)

    assert result.stray == result.skipped == {UPLOAD.name: "not today"}


def test_a_skip_is_known_by_what_tempest_says_too() -> None:
    skips = Skips({}, {}, by_words={"[Cc]inder": "no volumes"})
    report = Report(UPLOAD.id, "skip", reason="Cinder is not available")

    result = judge([UPLOAD], [report], skips)

    assert (result.skipped, result.stray) == ({UPLOAD.name: "no volumes"}, {})
    assert skips.dead([], result.said) == []
    assert skips.dead([], {UPLOAD.name: "something else"}) == ["[Cc]inder"]


def test_tests_of_lower_versions_are_skipped_above_them() -> None:
    words = "The microversion range[2.1 - 2.35] of this test is out of the configuration range"
    higher = words.replace("2.35", "latest")

    assert SKIPS.above("") is SKIPS
    assert SKIPS.reason_of_tempest(UPLOAD.name, words) is None
    above = SKIPS.above("2.96")
    assert above.reason_of_tempest(UPLOAD.name, words) == "it is of versions below 2.96"
    assert above.reason_of_tempest(UPLOAD.name, higher) is None


def test_some_are_left_out_above_a_version_only() -> None:
    skips = Skips({}, {}, too_new={"test_upload$": "it reads what is gone"})

    assert skips.reason_to_leave_out(UPLOAD.name) is None
    assert skips.above("2.96").reason_to_leave_out(UPLOAD.name) == "it reads what is gone"


@pytest.mark.parametrize(
    ("status", "failed", "skipped"),
    [("fail", [UPLOAD.name, SHARE.name], []), ("skip", [], [UPLOAD.name, SHARE.name])],
)
def test_a_class_speaks_for_its_tests(status: str, failed: list[str], skipped: list[str]) -> None:
    result = judge([UPLOAD, SHARE], [Report(f"setUpClass ({CASE})", status)], SKIPS)

    assert result.failed == failed
    assert sorted(result.skipped) == sorted(skipped)


def test_a_class_that_is_not_torn_down_is_a_failure_besides() -> None:
    reports = [Report(UPLOAD.id, "success"), Report(f"tearDownClass ({CASE})", "fail")]

    result = judge([UPLOAD], reports, SKIPS)

    assert (result.passed, result.failed) == ([UPLOAD.name], [CASE])


def test_an_entry_that_matches_nothing_is_found() -> None:
    assert SKIPS.dead([TRUST.name, SHARE.name], {SHARE.name: ""}) == []
    assert SKIPS.dead([SHARE.name], {}) == [r"\.test_trusts\.", "test_share$"]


def test_each_test_is_in_one_run_and_no_run_is_empty() -> None:
    assert share_out(EVERY, [IMAGES, SERVERS]) == [
        (None, [TRUST]),
        (IMAGES, [UPLOAD, SHARE]),
        (SERVERS, [SERVER]),
    ]
    assert share_out([UPLOAD], [IMAGES, SERVERS]) == [(IMAGES, [UPLOAD])]
    assert share_out([TRUST], [IMAGES]) == [(None, [TRUST])]
    assert share_out([], [IMAGES]) == []


def test_a_variant_that_no_test_wants_is_found() -> None:
    assert dead_variants(EVERY, [IMAGES, SERVERS]) == []
    assert dead_variants([TRUST, UPLOAD], [IMAGES, SERVERS]) == [SERVERS.classes]


def test_a_variant_is_told_of_its_image_and_features_and_of_all_that_the_others_are() -> None:
    usual: Settings = {
        "auth": {"admin_password": "100%"},
        "compute": {"image_ref": "usual", "flavor_ref": "1"},
        "compute-feature-enabled": {"x": False, "resize": True},
    }

    assert settings_of_variant(usual, IMAGES, "other") == {
        "auth": {"admin_password": "100%"},
        "compute": {"image_ref": "other", "flavor_ref": "1"},
        "compute-feature-enabled": {"x": True, "resize": True},
    }
    assert usual["compute"]["image_ref"] == "usual"


def test_the_variants_are_not_what_the_others_are() -> None:
    for variant in VARIANTS:
        assert variant.image_properties
        assert all(variant.features[x] != COMPUTE_FEATURES[x] for x in variant.features)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("left_out: {x: ''}\nby_tempest: {}", "no reason is given for x"),
        ("left_out: {'(': why}\nby_tempest: {}", r"\(: missing"),
    ],
)
def test_a_wrong_entry_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "skips.yaml"
    path.write_text(text)

    with pytest.raises(ValueError, match=message):
        Skips.read(path)


def test_the_committed_skips_have_reasons() -> None:
    skips = Skips.read()

    assert skips.left_out
    assert skips.reason_to_leave_out(TRUST.name)
    assert not skips.reason_to_leave_out(UPLOAD.name)


def test_a_result_is_written_with_skips_below_their_reason() -> None:
    result = judge(EVERY, [Report(UPLOAD.id, "success"), Report(SHARE.id, "skip")], SKIPS)

    text = render_result(result, {"tempest": "47.0.0"}, date(2026, 11, 25))

    assert text.split("\n", 1)[1] == (
        "date: 2026-11-25\ntempest: 47.0.0\nresult: 1 passed, 1 failed, 2 skipped\n"
        f"\nfailed:\n  {SERVER.name}\n"
        f"\nskipped: no trusts\n  {TRUST.name}\n"
        f"\nskipped: one store\n  {SHARE.name}\n"
    )


def test_the_committed_result_is_of_the_committed_skips() -> None:
    """Whoever changes the skips runs the tests."""
    text = result_path().read_text()
    skips = Skips.read()
    sections = (skips.left_out, skips.by_tempest, skips.by_words)
    reasons = {reason for section in sections for reason in section.values()}

    assert set(re.findall(r"^skipped: (.+)$", text, re.M)) == reasons
    assert re.search(r"^result: \d+ passed, 0 failed, \d+ skipped$", text, re.M)


@pytest.mark.parametrize("lowest", ["", "2.96"])
def test_no_test_that_a_variant_is_for_is_skipped_or_failed(lowest: str) -> None:
    listed = re.findall(r"^  (tempest\..+)$", result_path(lowest).read_text(), re.M)

    assert listed
    assert [variant for variant, _ in share_out(map(Test.parse, listed))] == [None]


def test_about_sixty_tests_are_part_of_make_test() -> None:
    names = read_names()

    assert names == sorted(set(names))
    assert 55 <= len(names) <= 70
    assert not [name for name in names if Skips.read().reason_to_leave_out(name)]


def test_settings_are_kept_from_others(tmp_path: Path) -> None:
    path = tmp_path / "tempest.conf"
    write_settings(path, {"DEFAULT": {"debug": True}, "auth": {"admin_password": "100%"}})

    assert path.read_text() == "[DEFAULT]\ndebug = True\n\n[auth]\nadmin_password = 100%\n\n"
    assert path.stat().st_mode & 0o777 == 0o600
