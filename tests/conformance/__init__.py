# SPDX-License-Identifier: Apache-2.0
"""`make conformance`: tempest, OpenStack's own tests, unmodified, against a cloud of their own.

Tempest lives in a virtual environment of its own and knows nothing of us but the API. Nothing in
here knows the agent either: the cloud is one that `cumulet init` and `cumulet serve` made.
"""

from pathlib import Path

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
WORK = ROOT / ".conformance"
"""What a run makes: tempest's environment, and what the last run said. Safe to delete."""
