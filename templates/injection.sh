# Puts files and a password into this server, once. Made by Cumulet; it comes with the vendor data
# of the config drive, and cloud-init runs it early in each boot. It needs no more than a POSIX
# shell, and what it prints is on the serial console.
#
# The power may fail at any instant. So a file is whole on the disk before it gets its name, an
# existing file has its second name before it loses the first, and nothing is done twice: what is
# done is marked below $state, and all backups bear the one stamp that was chosen first.
PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
export PATH LC_ALL
umask 077

# cloud-init keeps what a boothook prints to itself.
if (: >/dev/console) 2>/dev/null; then exec >/dev/console 2>&1; fi

say() { printf 'cumulet: %s\n' "$*"; }

# begin INSTANCE-ID: nothing more is done for a server that has all it was to be given.
begin() {
    instance=$1
    state=/var/lib/cloud/instances/$instance/cumulet
    [ ! -e "$state/done" ] || exit 0
    (umask 022 && mkdir -p "${state%/*}") && mkdir -p "$state" && choose_stamp && return
    say "nothing was put into this server: $state can't be written"
    exit 1
}

choose_stamp() {
    stamp=$(cat "$state/stamp" 2>/dev/null)
    case $stamp in [0-9]*.[0-9][0-9][0-9][0-9]) return ;; esac
    fraction=$(date +%N)
    fraction=${fraction%"${fraction#????}"}
    case $fraction in
    [0-9][0-9][0-9][0-9]) ;;
    *) fraction=$(printf %04d $(($$ % 10000))) ;; # a date without nanoseconds
    esac
    stamp=$(date +%s).$fraction
    echo "$stamp" >"$state/stamp" && sync
}

# password USER HASH: "early" of a user other than root is too soon to be sure. cloud-init makes and
# locks its accounts after this; "late" comes at the end of the first boot.
password() {
    [ ! -e "$state/password" ] || return 0
    if [ "$1" != root ] && [ "$when" = early ]; then
        id "$1" >/dev/null 2>&1 || return 0
        printf '%s:%s\n' "$1" "$2" | chpasswd -e || return 0
        [ -e "/var/lib/cloud/instances/$instance/sem/config_users_groups" ] || return 0
    elif printf '%s:%s\n' "$1" "$2" | chpasswd -e; then
        case $2 in !) say "the password of $1 is locked" ;; *) say "the password of $1 is set" ;; esac
    else
        say "the password of $1 could not be set"
    fi
    sync
    : >"$state/password"
}

# file NUMBER PATH: installs a file from the drive as root:root 0440.
file() {
    [ ! -e "$state/$1" ] || return 0
    if install_file "$1" "$2"; then
        say "installed $2"
    else
        say "could not install $2"
    fi
    sync
    : >"$state/$1"
}

install_file() {
    open_drive || return
    content=$drive/openstack/content/$1
    path=$2
    folder=${path%/*}
    new=$folder/.cumulet.$instance.$1
    if [ -d "$path" ]; then # or a link to one, into which mv would put the file
        say "$path is a directory"
        return 1
    fi
    rm -f "$new"
    (umask 022 && mkdir -p "${folder:-/}") &&
        (set -C && cat "$content" >"$new") && chown 0:0 "$new" && chmod 0440 "$new" && sync &&
        keep "$1" && mv -f "$new" "$path" && relabel
    code=$?
    rm -f "$new" "$new.bak"
    return $code
}

# keep NUMBER: an existing file, or link, gets its second name; where there are no hard links, a
# copy. Once that is marked, what is there is either kept already or ours.
keep() {
    [ ! -e "$state/$1.kept" ] || return 0
    name=${path##*/}
    backup=$folder/$(printf '%.220s' "$name").bak.$stamp # a name has 255 bytes at most
    if [ -e "$path" ] || [ -L "$path" ]; then
        [ -e "$backup" ] || [ -L "$backup" ] || ln "$path" "$backup" 2>/dev/null ||
            { cp -dp "$path" "$new.bak" && sync && mv "$new.bak" "$backup"; } || return
        say "$path was there: it is $backup now"
    fi
    sync
    : >"$state/$1.kept" && sync
}

# Where SELinux is, a file made here has the label of its folder, which may be the wrong one.
relabel() {
    ! command -v restorecon >/dev/null || restorecon "$path"
}

open_drive() {
    [ -z "$drive" ] || return 0
    device=$(findfs LABEL=config-2 2>/dev/null || blkid -L config-2) || {
        say "there is no config drive"
        return 1
    }
    point=$(mktemp -d /run/cumulet.XXXXXX 2>/dev/null || mktemp -d "$state/drive.XXXXXX") || return
    mount -o ro "$device" "$point" || {
        say "the config drive can't be read"
        rmdir "$point"
        return 1
    }
    drive=$point
    trap 'umount "$drive"; rmdir "$drive"' EXIT
}

# end WORK…: all is done when each piece of work has its mark.
end() {
    for work; do [ -e "$state/$work" ] || exit 0; done
    sync
    : >"$state/done"
    sync
}
drive=
