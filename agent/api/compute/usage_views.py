# SPDX-License-Identifier: Apache-2.0
"""Usage as the Compute API shows it, and how a period is asked for. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from werkzeug.datastructures import MultiDict

from agent.api.replies import iso_micros
from agent.errors import BadRequest
from agent.model.usage import Period, ProjectUsage, ServerUsage

FORMATS = ("%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f", "%Y-%m-%d %H:%M:%S.%f")
"""How the standard has a time, in UTC."""


def parse_period(args: MultiDict[str, str], now: datetime) -> Period:
    """Read `start` and `end`, each now when it is not said, and nothing that is yet to come.

    `BadRequest` for what is no time, and for a start that is not before the end.
    """
    start, stop = (_time(name, args[name]) if args.get(name) else now for name in ("start", "end"))
    if start > stop or (start == stop and (args.get("start") or args.get("end"))):
        raise BadRequest("Invalid start time. The start time cannot occur after the end time.")
    return Period(start, min(stop, now))


def usage_view(
    usage: ProjectUsage, period: Period, now: datetime, *, detailed: bool
) -> dict[str, Any]:
    """Show what a project used, with its servers if it is `detailed`."""
    hours, vcpus, memory_mb, disk_gb = usage.totals(period)
    view: dict[str, Any] = {
        "tenant_id": usage.project_id,
        "start": iso_micros(period.start),
        "stop": iso_micros(period.stop),
        "total_hours": hours,
        "total_vcpus_usage": vcpus,
        "total_memory_mb_usage": memory_mb,
        "total_local_gb_usage": disk_gb,
    }
    if detailed:
        view["server_usages"] = [_server_view(server, period, now) for server in usage.servers]
    return view


def _server_view(server: ServerUsage, period: Period, now: datetime) -> dict[str, Any]:
    return {
        "instance_id": server.server_id,
        "name": server.name,
        "tenant_id": server.project_id,
        "flavor": server.flavor,
        "vcpus": server.vcpus,
        "memory_mb": server.memory_mb,
        "local_gb": server.disk_gb,
        "hours": server.hours(period),
        "started_at": iso_micros(server.started_at),
        "ended_at": iso_micros(server.ended_at) if server.ended_at else None,
        "state": server.state,
        "uptime": server.uptime_s(now),
    }


def _time(field: str, text: str) -> datetime:
    for form in FORMATS:
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise BadRequest(f"{field}: Datetime is in invalid format: give 2026-01-31T12:00:00.")
