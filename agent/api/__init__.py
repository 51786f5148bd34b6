# SPDX-License-Identifier: Apache-2.0
"""HTTP: bytes become one typed request, one result becomes bytes.

The only room that knows HTTP, and it knows nothing else: no store, no libvirt, no file. Every
module holds one resource; `parse` functions turn a body into a request's dataclass, `views` turn a
value into the standard's shape, and between the two stands one call of a use case.
"""

from __future__ import annotations

from agent.api.application import build_app

__all__ = ["build_app"]
