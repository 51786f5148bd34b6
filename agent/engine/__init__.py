# SPDX-License-Identifier: Apache-2.0
"""Runs the tasks and settles what was observed: one owner a server at any time."""
