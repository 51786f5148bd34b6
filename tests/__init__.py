# SPDX-License-Identifier: Apache-2.0
"""Everything that proves the agent: unit, fast, real and client tests, and the lab they use."""
