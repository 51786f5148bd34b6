# SPDX-License-Identifier: Apache-2.0
"""/os-instance_usage_audit_log: which hosts have audited the usage of their servers.

None has, ever: this cloud sends no such notifications, so all hosts are counted as not run. The
period is the calendar month before the one asked for, as in the standard.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Blueprint, Response, jsonify

from agent.api.context import cloud
from agent.errors import BadRequest

routes = Blueprint("usage_audit", __name__)


@routes.get("/os-instance_usage_audit_log")
def list_log() -> Response:
    """Show the last whole month."""
    return jsonify(instance_usage_audit_logs=_log(cloud().hosts.now()))


@routes.get("/os-instance_usage_audit_log/<before>")
def show(before: str) -> Response:
    """Show the last whole month before a time; `BadRequest` when it is none."""
    for form in ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S.%f"):
        try:
            moment = datetime.strptime(before, form).replace(tzinfo=UTC)
        except ValueError:
            continue
        return jsonify(instance_usage_audit_log=_log(moment))
    raise BadRequest(f"Invalid timestamp for date {before[:60]}")


def audit_view(hosts: list[str], begin: datetime, end: datetime) -> dict[str, Any]:
    """Show that no host has run an audit."""
    return {
        "period_beginning": f"{begin:%Y-%m-%d %H:%M:%S}",
        "period_ending": f"{end:%Y-%m-%d %H:%M:%S}",
        "num_hosts": len(hosts),
        "num_hosts_done": 0,
        "num_hosts_running": 0,
        "num_hosts_not_run": len(hosts),
        "hosts_not_run": hosts,
        "total_instances": 0,
        "total_errors": 0,
        "overall_status": f"0 of {len(hosts)} hosts done. 0 errors.",
        "log": {},
    }


def _log(moment: datetime) -> dict[str, Any]:
    end = moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    begin = (end - timedelta(days=1)).replace(day=1)
    hosts = [host.record.name for host in cloud().hosts.list_hosts()]
    return audit_view(hosts, begin, end)
