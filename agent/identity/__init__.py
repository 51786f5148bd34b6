# SPDX-License-Identifier: Apache-2.0
"""Who may come in: logins and tokens, accounts, application credentials."""

from __future__ import annotations

from agent.identity.accounts import Accounts as Accounts
from agent.identity.appcredentials import AppCredentials as AppCredentials
from agent.identity.brake import Brake as Brake
from agent.identity.hashing import hash_password as hash_password
from agent.identity.login import Identity as Identity
