# SPDX-License-Identifier: Apache-2.0
"""The metadata keys that this cloud itself reads: settings of a server that no API has.

cumulet:shutdown_terminate   true: the server is deleted when its guest shuts itself down
                             (seed, "SHUTOFF", the *shutdown_terminate* of an instance)
cumulet:resume_on_boot       what becomes of the server when its host was rebooted:
                             previous, never or always, over what the configuration says
"""

from __future__ import annotations

from collections.abc import Mapping

PREFIX = "cumulet:"
SHUTDOWN_TERMINATE = "cumulet:shutdown_terminate"
RESUME_ON_BOOT = "cumulet:resume_on_boot"

ALLOWED: Mapping[str, tuple[str, ...]] = {
    SHUTDOWN_TERMINATE: ("true", "false"),
    RESUME_ON_BOOT: ("previous", "never", "always"),
}
"""What each key may be; case does not matter."""


def find_problem(metadata: Mapping[str, str]) -> str | None:
    """Say what is wrong with keys of ours in some metadata: a typing error must not be silent."""
    for key, value in metadata.items():
        if not key.startswith(PREFIX):
            continue
        if key not in ALLOWED:
            return f"{key}: unknown; this cloud reads {' and '.join(ALLOWED)}."
        if value.lower() not in ALLOWED[key]:
            return f"{key}: must be one of {', '.join(ALLOWED[key])}."
    return None


def wants_termination(metadata: Mapping[str, str]) -> bool:
    """Whether a server is to be deleted when its guest shuts itself down."""
    return metadata.get(SHUTDOWN_TERMINATE, "").lower() == "true"


def resume_on_boot(metadata: Mapping[str, str], default: str) -> str:
    """What becomes of a server when its host was rebooted."""
    value = metadata.get(RESUME_ON_BOOT, "").lower()
    return value if value in ALLOWED[RESUME_ON_BOOT] else default
