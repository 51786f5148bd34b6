#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Gives apt the archives that earlier builds fetched; mmdebstrap calls it with the root's path.
set -eu
folder="$1/var/cache/apt/archives"
mkdir -p "$folder"
for archive in "$CUMULET_ARCHIVES"/*.deb; do
    [ ! -e "$archive" ] || ln "$archive" "$folder/"
done
