# SPDX-License-Identifier: Apache-2.0
"""The lab: private libvirt hosts, a tiny guest and a look at the whole machine.

Tests and the demo need real libvirt and real QEMU guests, yet must leave the machine as it was.
Nothing in here knows the agent: the lab is the world that the agent is put into.
"""

from pathlib import Path

CACHE = Path("/var/cache/cumulet-lab")
"""What is expensive to make and may be shared by all runs; safe to delete at any time."""
