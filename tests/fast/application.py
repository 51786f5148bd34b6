# SPDX-License-Identifier: Apache-2.0
"""The API over a test's cloud. All have the same routes, which take a tenth of a second to compile.

So they are compiled once in a process, as they are in a process that serves.
"""

from __future__ import annotations

from copy import copy

from flask import Flask

from agent import api
from agent.api import context
from tests.fast.smallcloud import SmallCloud

_FIRST: list[Flask] = []


def build_app(cloud: SmallCloud) -> Flask:
    """The application over a cloud; only what it keeps between requests is its own."""
    if not _FIRST:
        _FIRST.append(api.build_app(cloud.parts.cloud))
    app = copy(_FIRST[0])
    app.extensions = {}
    context.install(app, cloud.parts.cloud)
    return app
