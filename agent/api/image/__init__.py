# SPDX-License-Identifier: Apache-2.0
"""The Image API v2 below /image: images, their bytes, and the schemas that describe them."""

from __future__ import annotations

from flask import Blueprint

from agent.api.image import data, images, imports, schemas, tasks, versions

image_versions = versions.routes

image = Blueprint("image", __name__, url_prefix="/image/v2")

for module in (images, data, imports, tasks, schemas):
    image.register_blueprint(module.routes)
