# SPDX-License-Identifier: Apache-2.0
"""The script that puts files and a password into a guest, run for real and killed at every command.

It runs in a root of its own (a mount namespace and a chroot, with the machine's programs), where
each program it calls is one of ours that counts the calls, and at the n-th kills all of it, just
before or just after the real one. Run again, as at the next boot, it must end as if nothing had
happened: the originals kept once, nothing injected kept, no rest of it anywhere.
"""

from __future__ import annotations

import os
import re
import signal
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.model.injection import InjectedFile, Injection
from agent.model.password import Credential
from agent.passwords import hash_password
from agent.vendordata import render_vendor_parts

ID = "6f70e28c-7c4b-4a5e-9a07-2b9d1f1e0c11"
HASH = hash_password("new")
PATHS = ("/etc/motd", "/etc/passwd", '/opt/a new/it\'s "x" $(id)', "/etc/linked", "/etc/same")
CONTENTS = {path: f"injected into {number}\n".encode() for number, path in enumerate(PATHS)}
ORIGINALS = {
    "/etc/motd": "the original\n",
    "/etc/passwd": "root:x:0:0:root:/root:/bin/sh\ndebian:x:1000:1000::/:/bin/sh\n",
    "/etc/shadow": "root:*:19000:0:99999:7:::\ndebian:*:19000:0:99999:7:::\n",
    "/etc/group": "root:x:0:\ndebian:x:1000:\n",
    "/etc/target": "behind a link\n",
    "/etc/same": CONTENTS["/etc/same"].decode(),
}
FOLDERS = "dev etc opt proc run tmp real wrap var/lib/cloud/instances/" + ID + "/sem"
SYSTEM = [path for path in ("usr", "bin", "sbin", "lib", "lib64") if Path("/", path).exists()]
PROGRAMS = (
    *("cat", "chmod", "chown", "chpasswd", "cp", "date", "id", "ln"),
    *("mkdir", "mktemp", "mv", "rm", "sync"),
)
SHARES = 10
"""So many tests share the commands at which the script is killed: workers run them side by side."""

WRAPPER = """\
#!/bin/sh
PATH=/usr/sbin:/usr/bin:/sbin:/bin
read n </real/count
n=$((n + 1))
echo $n >/real/count
read at when </real/kill
[ "$n $when" = "$at before" ] && kill -9 0
PROGRAM "$@"
code=$?
[ "$n $when" = "$at after" ] && kill -9 0
exit $code
"""


@dataclass(frozen=True, slots=True)
class Guest:
    """A folder that looks like a guest's disk, with the drive's files in /real/drive."""

    root: Path

    def run(
        self,
        part: str,
        kill: str = "0 never",
        *,
        interpreter: tuple[str, ...] = ("/bin/sh",),
        is_mounted: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """Run a part as cloud-init does; `kill` says at which call, before or after it."""
        (self.root / "real/count").write_text("0\n")
        (self.root / "real/kill").write_text(f"{kill}\n")
        script = part.removeprefix("#cloud-boothook\n")
        script = script.replace("/dev/console", "/dev/null/none")  # not the machine's
        script = re.sub(r"^PATH=.*$", "PATH=/wrap", script, flags=re.MULTILINE)
        if is_mounted:
            script = script.replace("\ndrive=\n", "\ndrive=/real/drive\n")
        (self.root / "real/script").write_text(script)
        mounts = " && ".join(
            f"mount --rbind /{path} {self.root}/{path}" for path in (*SYSTEM, "dev")
        )
        inside = f'{mounts} && exec chroot "$@" /real/script'
        return subprocess.run(
            ["unshare", "--mount", "sh", "-c", inside, "sh", str(self.root), *interpreter],
            capture_output=True,
            text=True,
            timeout=60,
            start_new_session=True,  # what is killed is the whole of it, and only it
        )

    def read(self, path: str) -> str:
        return (self.root / path.lstrip("/")).read_text()

    def add_program(self, name: str, script: str) -> None:
        """A program that the guest has besides."""
        path = self.root / "wrap" / name
        path.write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\n{script}\n")
        path.chmod(0o755)

    def shape(self, path: str) -> tuple[int, int, int]:
        """Owner, group and mode of a file."""
        found = (self.root / path.lstrip("/")).lstat()
        return found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)

    def files(self) -> dict[str, str]:
        """What is below /etc and /opt, with the stamp of backups left out."""
        found = {}
        for top in ("etc", "opt"):
            for path in sorted((self.root / top).rglob("*")):
                name = re.sub(r"\.bak\.\d{10}\.\d{4}$", ".bak", f"/{path.relative_to(self.root)}")
                if path.is_symlink():
                    found[name] = f"-> {path.readlink()}"
                elif path.is_file():
                    found[name] = path.read_text()
        return found

    def stamps(self) -> set[str]:
        return {
            match[1]
            for path in (self.root / "etc").iterdir()
            if (match := re.search(r"\.bak\.(\d{10}\.\d{4})$", path.name))
        }


@pytest.fixture
def guest(tmp_path: Path) -> Guest:
    root = tmp_path / "root"
    for folder in (*FOLDERS.split(), *SYSTEM):
        (root / folder).mkdir(parents=True)
    for program in PROGRAMS:
        wrapper = root / "wrap" / program
        wrapper.write_text(WRAPPER.replace("PROGRAM", program))
        wrapper.chmod(0o755)
    for path, text in ORIGINALS.items():
        (root / path.lstrip("/")).write_text(text)
    (root / "etc/motd").chmod(0o604)
    os.chown(root / "etc/motd", 7, 8)
    (root / "etc/shadow").chmod(0o600)
    (root / "etc/linked").symlink_to("target")
    content = root / "real/drive/openstack/content"
    content.mkdir(parents=True)
    for number, path in enumerate(PATHS):
        (content / f"{number:04d}").write_bytes(CONTENTS[path])
    return Guest(root)


def boothook(user: str = "root", paths: tuple[str, ...] = PATHS) -> str:
    files = tuple(InjectedFile(path, b"on the drive") for path in paths)
    return render_vendor_parts(ID, Injection(files, Credential(user, hash=HASH)))[0]


def assert_done(guest: Guest) -> None:
    """All is as it should be after one run that nothing has disturbed."""
    shadow = ORIGINALS["/etc/shadow"].replace("root:*", f"root:{HASH}")
    found = guest.files()
    assert re.sub(r":\d{5}:0:", ":19000:0:", found.pop("/etc/shadow")) == shadow
    for name in ("/etc/shadow-", "/etc/.pwd.lock"):
        found.pop(name, None)  # chpasswd's own
    assert found == {
        **{path: content.decode() for path, content in CONTENTS.items()},
        "/etc/motd.bak": ORIGINALS["/etc/motd"],
        "/etc/passwd.bak": ORIGINALS["/etc/passwd"],
        "/etc/linked.bak": "-> target",
        "/etc/same.bak": ORIGINALS["/etc/same"],
        "/etc/target": ORIGINALS["/etc/target"],
        "/etc/group": ORIGINALS["/etc/group"],
    }
    assert {guest.shape(path) for path in PATHS} == {(0, 0, 0o440)}
    assert len(guest.stamps()) == 1


def test_files_replace_what_is_there_and_the_originals_are_kept(guest: Guest) -> None:
    done = guest.run(boothook())

    assert done.returncode == 0, done.stderr
    assert_done(guest)
    (stamp,) = guest.stamps()
    assert guest.shape(f"/etc/motd.bak.{stamp}") == (7, 8, 0o604)
    assert guest.shape("/opt/a new") == (0, 0, 0o755)
    assert f"cumulet: /etc/motd was there: it is /etc/motd.bak.{stamp} now" in done.stdout
    assert "cumulet: installed /etc/passwd" in done.stdout
    assert "cumulet: the password of root is set" in done.stdout


def test_nothing_is_done_at_the_next_boot(guest: Guest) -> None:
    guest.run(boothook())
    (guest.root / "etc/motd").write_text("changed by its user\n")
    (guest.root / "etc/shadow").write_text("changed too\n")
    (guest.root / "etc/same").unlink()

    again = guest.run(boothook())

    assert (again.returncode, again.stdout) == (0, "")
    assert guest.read("/etc/motd") == "changed by its user\n"
    assert guest.read("/etc/shadow") == "changed too\n"
    assert not (guest.root / "etc/same").exists()


def count_calls(root: Path) -> int:
    return int((root / "real/count").read_text())


@pytest.mark.parametrize("share", range(SHARES))
def test_killed_at_any_command_and_run_again_it_ends_the_same(
    guest: Guest, tmp_path: Path, subtests: pytest.Subtests, share: int
) -> None:
    """Each share has the commands whose number leaves it as the rest."""
    pristine = tmp_path / "pristine"
    subprocess.run(["cp", "-a", guest.root, pristine], check=True)
    guest.run(boothook())
    calls = count_calls(guest.root)
    assert calls > 50

    for number in (number for number in range(1, calls + 1) if number % SHARES == share):
        for when in ("before", "after"):
            with subtests.test(call=number, when=when):
                root = tmp_path / f"{number}-{when}"
                subprocess.run(["cp", "-a", pristine, root], check=True)
                other = Guest(root)
                killed = other.run(boothook(), kill=f"{number} {when}")
                assert killed.returncode == -signal.SIGKILL
                done = other.run(boothook())
                assert done.returncode == 0, done.stderr
                assert_done(other)
                assert other.run(boothook()).stdout == ""
                subprocess.run(["rm", "-r", root], check=True)


def test_a_folder_of_the_same_name_stays(guest: Guest) -> None:
    (guest.root / "opt/folder").mkdir()

    done = guest.run(boothook(paths=("/opt/folder", "/opt/b")))

    assert "cumulet: /opt/folder is a directory" in done.stdout
    assert "cumulet: could not install /opt/folder" in done.stdout
    assert (guest.root / "opt/folder").is_dir()
    assert guest.read("/opt/b") == CONTENTS[PATHS[1]].decode()


def test_a_link_to_a_folder_stays_and_the_folder_gets_nothing(guest: Guest) -> None:
    (guest.root / "opt/folder").mkdir()
    (guest.root / "opt/link").symlink_to("folder")

    done = guest.run(boothook(paths=("/opt/link",)))

    assert "cumulet: could not install /opt/link" in done.stdout
    assert guest.files()["/opt/link"] == "-> folder"
    assert list((guest.root / "opt/folder").iterdir()) == []


def test_bash_runs_it_too(guest: Guest) -> None:
    done = guest.run(boothook(), interpreter=("/bin/bash", "--posix"))

    assert (done.returncode, done.stderr) == (0, "")
    assert_done(guest)


def test_a_path_with_a_backslash_is_told_as_it_is(guest: Guest) -> None:
    path = r"/opt/a\c\nb"

    done = guest.run(boothook(paths=(path,)))

    assert done.stdout.splitlines()[-1] == f"cumulet: installed {path}"
    assert path in guest.files()


def test_a_file_that_a_power_cut_left_unlabelled_gets_its_label(guest: Guest) -> None:
    guest.add_program("restorecon", 'echo "$1" >>/real/labelled')

    guest.run(boothook())

    assert (guest.root / "real/labelled").read_text().splitlines() == list(PATHS)


def test_the_drive_is_mounted_elsewhere_where_run_is_not_writable(guest: Guest) -> None:
    guest.add_program("findfs", "echo /dev/config")
    guest.add_program("mount", 'cp -r /real/drive/. "$4"; echo "$*" >>/real/mounts')
    guest.add_program("umount", 'rm -r "$1"/*')
    guest.add_program("rmdir", 'rmdir "$1"')
    (guest.root / "run").rmdir()
    (guest.root / "run").touch()

    done = guest.run(boothook(), is_mounted=False)

    assert (done.returncode, done.stderr) == (0, "")
    assert_done(guest)
    state = guest.root / f"var/lib/cloud/instances/{ID}/cumulet"
    (mount,) = (guest.root / "real/mounts").read_text().splitlines()
    assert mount.startswith(f"-o ro /dev/config /{state.relative_to(guest.root)}/drive.")
    assert list(state.glob("drive.*")) == []


def test_a_drive_that_cannot_be_mounted_is_told(guest: Guest) -> None:
    guest.add_program("findfs", "echo /dev/config")
    guest.add_program("mount", "exit 32")
    guest.add_program("rmdir", 'rmdir "$1"')

    done = guest.run(boothook(paths=PATHS[:2]), is_mounted=False)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("cumulet: the config drive can't be read\n") == 2
    assert "cumulet: could not install /etc/passwd\n" in done.stdout
    assert guest.read("/etc/motd") == ORIGINALS["/etc/motd"]
    assert list((guest.root / "run").iterdir()) == []


def test_an_accounts_name_is_nothing_to_the_shell(guest: Guest) -> None:
    user = "it's $(touch x) `touch y`"
    for name in ("passwd", "shadow"):
        path = guest.root / "etc" / name
        path.write_text(path.read_text().replace("debian", user))

    early, _ = render_vendor_parts(ID, Injection(credential=Credential(user, hash=HASH)))
    guest.run(early)

    assert f"{user}:{HASH}:" in guest.read("/etc/shadow")
    assert not [path for path in guest.root.rglob("[xy]") if path.is_file()]


def test_an_original_with_the_longest_name_is_kept_under_a_shorter_one(guest: Guest) -> None:
    long = "/opt/" + "é" * 125  # 255 bytes in all, in a name that has room for no more than five
    (guest.root / long.lstrip("/")).write_text("precious")

    done = guest.run(boothook(paths=(long,)))

    kept = f"/opt/{'é' * 110}.bak"
    assert f"cumulet: installed {long}" in done.stdout
    assert guest.files()[long] == CONTENTS[PATHS[0]].decode()
    assert {name: text for name, text in guest.files().items() if name.startswith("/opt")} == {
        long: CONTENTS[PATHS[0]].decode(),
        kept: "precious",
    }


def test_an_account_that_comes_later_gets_its_password_at_the_end(guest: Guest) -> None:
    """cloud-init makes it, and locks it, between the two."""
    passwd, shadow = guest.root / "etc/passwd", guest.root / "etc/shadow"
    without = ORIGINALS["/etc/passwd"].splitlines()[0] + "\n"
    passwd.write_text(without)
    injection = Injection(credential=Credential("debian", hash=HASH))
    early, late = render_vendor_parts(ID, injection)

    first = guest.run(early)
    passwd.write_text(ORIGINALS["/etc/passwd"])
    shadow.write_text(ORIGINALS["/etc/shadow"].replace("debian:*", "debian:!"))
    second = guest.run(late)
    shadow.write_text(shadow.read_text().replace(HASH, "changed"))
    third, fourth = guest.run(early), guest.run(early)

    assert (first.returncode, first.stdout) == (0, "")
    assert second.stdout == "cumulet: the password of debian is set\n"
    assert "debian:changed" in shadow.read_text()
    assert third.stdout + fourth.stdout == ""


def test_a_power_cut_before_the_end_does_not_lose_a_later_accounts_password(guest: Guest) -> None:
    """cloud-init does not run a script of the first boot's end again that it has begun."""
    early, _ = render_vendor_parts(ID, Injection(credential=Credential("debian", hash=HASH)))

    guest.run(early)
    (guest.root / f"var/lib/cloud/instances/{ID}/sem/config_users_groups").touch()
    shadow = guest.root / "etc/shadow"
    shadow.write_text(ORIGINALS["/etc/shadow"].replace("debian:*", "debian:!"))
    guest.run(early)
    assert f"debian:{HASH}" in shadow.read_text()
    shadow.write_text(shadow.read_text().replace(HASH, "changed"))

    assert guest.run(early).stdout == ""
    assert "debian:changed" in shadow.read_text()
