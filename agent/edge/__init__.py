# SPDX-License-Identifier: Apache-2.0
"""The edge of the guests' network: floating addresses, as the host's kernel carries them."""

from __future__ import annotations

from agent.edge.edge import Edge, Imaginary
from agent.edge.programs import PACKAGES, missing_programs
from agent.edge.rules import Inside

__all__ = ["PACKAGES", "Edge", "Imaginary", "Inside", "missing_programs"]
