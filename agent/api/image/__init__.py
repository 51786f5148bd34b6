# SPDX-License-Identifier: Apache-2.0
"""The Image API v2 below /image: images with their members and bytes, and what describes them."""

from __future__ import annotations

from flask import Blueprint

from agent.api.image import data, images, imports, members, schemas, tasks, versions

image_versions = versions.routes

image = Blueprint("image", __name__, url_prefix="/image/v2")

for module in (images, members, data, imports, tasks, schemas):
    image.register_blueprint(module.routes)
