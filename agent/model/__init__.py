# SPDX-License-Identifier: Apache-2.0
"""The pure layer: frozen data and rules, standard library only. Nothing here blocks."""
