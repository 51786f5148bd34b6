# SPDX-License-Identifier: Apache-2.0
"""`python -m agent` is `cumulet`."""

from agent.cli import main

main()
