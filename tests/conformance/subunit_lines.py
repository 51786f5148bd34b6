# SPDX-License-Identifier: Apache-2.0
"""Turns tempest's subunit stream on stdin into a line of JSON for each test, as it ends.

Tempest's own Python runs this file: the library that reads the stream is there, and not here. So
it imports nothing of ours, and what it prints is what `outcomes.Report` holds.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import subunit
from testtools import StreamToDict

NO_DETAILS = {"success", "skip"}


def main() -> None:
    """Read to the end of the stream."""
    summary = StreamToDict(_tell)
    summary.startTestRun()
    subunit.ByteStreamToStreamResult(sys.stdin.buffer, non_subunit_name="stdout").run(summary)
    summary.stopTestRun()


def _tell(test: dict[str, Any]) -> None:
    if test["id"] == "stdout" or test["status"] == "exists":
        return  # not a test: what a library printed, or the list of what will be run
    texts = {name: content.as_text() for name, content in test["details"].items()}
    reason = texts.pop("reason", "").strip()
    told = "\n".join(text for _, text in sorted(texts.items(), reverse=True))  # traceback first
    line = {"id": test["id"], "status": test["status"], "reason": reason}
    if test["status"] not in NO_DETAILS:
        line["details"] = told
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
