# SPDX-License-Identifier: Apache-2.0
"""/os-instance_usage_audit_log: audits of usage, of which this cloud runs none and says so."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, jsonify

from agent.api.context import cloud
from agent.errors import BadRequest

routes = Blueprint("usage_audits", __name__)

PATH = "/os-instance_usage_audit_log"


@routes.get(PATH)
def show_last() -> Response:
    """Show the audit of the last month that is over."""
    view = audit_view(cloud().usages.now(), cloud().usages.hosts())
    return jsonify(instance_usage_audit_logs=view)


@routes.get(f"{PATH}/<before>")
def show(before: str) -> Response:
    """Show the audit of the last month that was over at a time."""
    return jsonify(instance_usage_audit_log=audit_view(_time(before), cloud().usages.hosts()))


def audit_view(before: datetime, hosts: tuple[str, ...]) -> dict[str, Any]:
    """Show that no host was audited for the month before the one of `before`."""
    end = before.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    year, month = (end.year, end.month - 1) if end.month > 1 else (end.year - 1, 12)
    begin = end.replace(year=max(year, 1), month=month)
    return {
        "period_beginning": f"{begin:%Y-%m-%d %H:%M:%S}",
        "period_ending": f"{end:%Y-%m-%d %H:%M:%S}",
        "num_hosts": len(hosts),
        "num_hosts_done": 0,
        "num_hosts_running": 0,
        "num_hosts_not_run": len(hosts),
        "hosts_not_run": list(hosts),
        "total_instances": 0,
        "total_errors": 0,
        "overall_status": f"0 of {len(hosts)} hosts done. 0 errors.",
        "log": {},
    }


def _time(text: str) -> datetime:
    form = "%Y-%m-%d %H:%M:%S.%f" if "." in text else "%Y-%m-%d %H:%M:%S"
    try:
        return datetime.strptime(text, form).replace(tzinfo=UTC)
    except ValueError:
        raise BadRequest(f"Invalid timestamp for date {text[:60]}") from None
