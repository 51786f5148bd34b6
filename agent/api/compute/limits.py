# SPDX-License-Identifier: Apache-2.0
"""/limits: what a project may use, what it uses, and what one request may hold."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from agent.api.compute.query import check_query
from agent.api.compute.quota_views import limits_view
from agent.api.context import caller, cloud, version
from agent.errors import Forbidden

routes = Blueprint("limits", __name__)


@routes.get("/limits")
def show() -> Response:
    """Show the limits of the caller's project, or to administrators of another one."""
    check_query(request.args, {"tenant_id"}, version())
    project_id = request.args.get("tenant_id") or caller().project.id
    if project_id != caller().project.id and not caller().is_admin:
        raise Forbidden("Policy doesn't allow tenant_id: it needs the role admin.")
    quotas, config = cloud().quotas, cloud().config
    quota = quotas.get(caller(), project_id)
    used = quotas.usage(caller(), project_id)
    return jsonify(limits=limits_view(quota, used, config.limits.image_metadata, version()))
