#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Lays our settings into the root before the packages that read them are installed.
set -eu
cp -r "$CUMULET_SETTINGS/." "$1/"
