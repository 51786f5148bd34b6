# SPDX-License-Identifier: Apache-2.0
"""Measurements: scripts that print ratios against a floor in one run."""
