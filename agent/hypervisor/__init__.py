# SPDX-License-Identifier: Apache-2.0
"""The side of libvirt: the only folder that imports it."""
