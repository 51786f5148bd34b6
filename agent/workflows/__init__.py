# SPDX-License-Identifier: Apache-2.0
"""What each action does, as steps in the order in which they happen. No libvirt here."""
