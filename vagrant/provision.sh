#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes the virtual machine a Cumulet host, with the script that any host is made one with.
set -euo pipefail
exec /cumulet/etc/provision --listen 0.0.0.0:8774 --public-url "$CUMULET_URL" --network nat
