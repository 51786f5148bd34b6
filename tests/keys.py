# SPDX-License-Identifier: Apache-2.0
"""Public keys with the fingerprints that others gave them: OpenStack's manual, and `ssh-keygen`."""

from __future__ import annotations

RSA = (
    "ssh-rsa "
    "AAAAB3NzaC1yc2EAAAADAQABAAAAgQDx8nkQv/zgGgB4rMYmIf+6A4l6Rr+o/6lHBQdW5aYd44bd"
    "8JttDCE/F/pNRr0lRE+PiqSPO8nDPHw0010JeMH9gYgnnFlyY3/OcJ02RhIPyyxYpv9FhY+2YiUk"
    "pwFOcLImyrxEsYXpD/0d3ac30bNH6Sw9JD9UZHYcpSxsIbECHw=="
    " Generated-by-Nova"
)
RSA_FINGERPRINT = "1e:2c:9b:56:79:4b:45:77:f9:ca:7a:98:2c:b0:d5:3c"

ED25519 = (
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEuZOOe0wsS2L4mUdQtrkADOsZ831h+MsxxGDyD9hKNG ann@home"
)
ED25519_FINGERPRINT = "79:40:41:e2:92:d1:54:7c:b4:f0:e7:62:81:82:76:5a"
