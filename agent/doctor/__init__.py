# SPDX-License-Identifier: Apache-2.0
"""`cumulet doctor`: looks at the host, the state folder and libvirt, and says what to do.

    tree, listeners ──> one module a check: look (facts) ──> judge (pure) ──> findings ──> report
                                       examination: the table of checks, each with a deadline

Looking and judging are apart, so that a host that nobody has can be judged from literal values.
Nothing is changed here but in `mending.py`, which runs only when it was asked for.
"""
