from tests.real.test_rescue import *
from tests.lab.full_guest import full_image
from tests.lab.private_host import PrivateHost
from tests.real.conftest import running_cloud


def test_full():
    with PrivateHost.start() as host, running_cloud(host) as real:
        img = real.live.import_image("full", full_image())
        sid = real.api.create_server("f", img, flavorRef="2")
        real.api.wait_for_status(sid, "ACTIVE")
        real.api.act(sid, {"os-stop": None})
        real.api.wait_for_status(sid, "SHUTOFF")
        real.api.act(sid, {"rescue": None})
        real.api.wait_for_status(sid, "RESCUE")
        out = wait_for(lambda: try_(real, sid), timeout_s=400, poll_s=2, what="agent")
        print("ROOT", out)
        print(
            real.guest(sid).shell(
                "ls -l /dev/disk/by-label /dev/disk/by-uuid; cat /proc/mounts | head -3; dmesg | grep -E 'sd |vda|scsi' | head -20"
            )
        )


def try_(real, sid):
    try:
        return real.guest(sid).shell(ROOT)
    except Exception:
        return None
