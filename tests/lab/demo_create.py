# Creates the server `first` with openstacksdk: a file for the guest, metadata, and a password.
# (The newest `openstack` command can't send files.)
import base64
import sys

import openstack

cloud = openstack.connect()
compute = cloud.compute
# Files are part of the API up to version 2.56.
compute.default_microversion = openstack.utils.maximum_supported_microversion(compute, "2.56")
motd = base64.b64encode(b"Hello from outside.\n").decode()
server = compute.create_server(
    name="first",
    image_id=cloud.image.find_image(sys.argv[1], ignore_missing=False).id,
    flavor_id=compute.find_flavor(sys.argv[2], ignore_missing=False).id,
    networks=[{"uuid": cloud.network.find_network("lab", ignore_missing=False).id}],
    metadata={"role": "web"},
    personality=[{"path": "/etc/motd", "contents": motd}],
)
print("adminPass", server.admin_password)
server = compute.wait_for_server(server)
print("status   ", server.status)
print("address  ", server.addresses["lab"][0]["addr"])
