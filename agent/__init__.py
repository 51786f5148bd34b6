# SPDX-License-Identifier: Apache-2.0
"""Cumulet: one KVM host, or a few, as a small OpenStack cloud."""

__version__ = "0.1.0"
