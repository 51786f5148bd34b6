# SPDX-License-Identifier: Apache-2.0
"""Have a guest that hangs write its dump: by the button that no system can ignore."""

from __future__ import annotations

from agent.workflows.step import Context, Done, Outcome, Step, Workflow


def interrupt(context: Context) -> Outcome:
    """Send the interrupt; what the guest makes of it is up to its own configuration.

    A crash between the effect and its record sends a second one, which a guest that dumps ignores.
    """
    context.tools.hypervisor.inject_nmi(context.server.id)
    return Done()


CRASH_DUMP: Workflow = (Step("interrupt", interrupt),)
