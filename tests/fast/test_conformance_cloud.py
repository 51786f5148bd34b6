# SPDX-License-Identifier: Apache-2.0
"""What tempest is told of the cloud that it judges is so. Tempest itself isn't here."""

from __future__ import annotations

import urllib.request
from configparser import RawConfigParser
from pathlib import Path

from tests.conformance.cloud import PATH, JudgedCloud, conforming_cloud, image_server
from tests.conformance.runs import tell
from tests.conformance.samples import make_samples
from tests.conformance.settings import Guests, settings_of, write_settings
from tests.conformance.tempest import Tempest
from tests.conformance.variants import VARIANTS
from tests.fast.smallcloud import NODE
from tests.lab.cloud import Api


def test_the_cloud_is_as_its_settings_tell_and_goes_with_its_context(tmp_path: Path) -> None:
    manifest = make_samples(tmp_path / "samples")
    folder = tmp_path / "cloud"
    node = tmp_path / "node.xml"
    node.write_text(NODE)
    with (
        image_server(manifest.with_name("qcow2")) as server,
        conforming_cloud(folder, f"test://{node}", import_allow=[server.place]) as cloud,
    ):
        guests = Guests("one image", "another", "1", "2")
        settings = settings_of(cloud, guests, server.url(PATH), manifest, tmp_path)
        admin = Api(cloud).log_in("cumulet-admin")
        status, _, body = admin.request("GET", "/identity/v3/projects")
        _, _, roles = admin.request("GET", "/identity/v3/roles")
        above = settings_of(cloud, guests, server.url(PATH), manifest, tmp_path, "2.96")
        with urllib.request.urlopen(str(settings["image"]["http_image"]), timeout=10) as answer:
            image = answer.read()

    assert status == 200
    assert {"manager", "service"} < {role["name"] for role in roles["roles"]}
    assert above["compute"]["min_microversion"] == "2.96"
    names = [project["name"] for project in body["projects"]]
    assert settings["auth"]["admin_project_name"] in names
    assert settings["identity"]["uri_v3"] == f"{cloud.url}/identity/v3"
    assert settings["compute"]["min_microversion"] == "2.1"
    assert settings["compute"]["max_microversion"] == "2.96"
    assert settings["compute"]["flavor_ref_alt"] == "2"
    assert image == manifest.with_name("qcow2").read_bytes()
    assert not folder.exists()


def test_a_variants_servers_are_made_of_an_image_with_its_properties(tmp_path: Path) -> None:
    manifest = make_samples(tmp_path / "samples")
    guest = manifest.with_name("qcow2")
    node = tmp_path / "node.xml"
    node.write_text(NODE)
    tempest = Tempest(tmp_path / "nowhere", tmp_path)
    (variant,) = VARIANTS
    with conforming_cloud(tmp_path / "cloud", f"test://{node}") as cloud:
        guests = Guests(cloud.import_image("usual", guest), "another", "1", "2")
        settings = settings_of(cloud, guests, "http://nowhere", manifest, tmp_path)
        write_settings(tempest.config, settings)
        told = tell(tempest, JudgedCloud(cloud, guest, settings), variant)
        usual, its = RawConfigParser(), RawConfigParser()
        usual.read(tempest.config)
        its.read(told.config)
        admin = Api(cloud).log_in("cumulet-admin")
        images = [
            admin.request("GET", f"/image/v2/images/{known['compute']['image_ref']}")[2]
            for known in (usual, its)
        ]

    assert "hw_machine_type" not in images[0]
    assert (images[1]["hw_machine_type"], images[1]["hw_disk_bus"]) == ("pc", "ide")
    assert not usual.getboolean("compute-feature-enabled", "ide_bus")
    assert its.getboolean("compute-feature-enabled", "ide_bus")
    assert its["compute"]["flavor_ref_alt"] == usual["compute"]["flavor_ref_alt"] == "2"
    assert its["auth"] == usual["auth"]
