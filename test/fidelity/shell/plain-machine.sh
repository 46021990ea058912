#!/bin/sh
# A plain machine out of a persona's packages, without any of our tricks, to compare a sandbox with:
#
#     plain-machine.sh WORK SHIFT HOSTNAME USER PASSWORD LAYER...     (layers: the image's folders on the engine's disk, lowest first)
#
# Its root is an ext4 file system of its own, its process numbers, network, host name and mounts are its own, its root has every
# capability; kernel, processors, memory and uptime are this machine's. SHIFT: what the engine added to the numbers of owners.
# Prints its first process's number on this machine, and ends with whoever started it.
set -eu
if [ "$1" != --inside ] && [ "$1" != --first ]; then
    exec unshare --mount --propagation private --net --uts --ipc -- sh "$0" --inside "$@"
fi

# Runs a program in whose eyes the owners are those that the packages gave.
unshift_owners() {
    if [ "$shift_by" = 0 ]; then
        "$@"
        return
    fi
    unshare --user -- sleep 600 &
    until [ "$(readlink "/proc/$!/ns/user")" != "$(readlink /proc/$$/ns/user)" ]; do sleep 0.01; done
    for map in uid_map gid_map; do echo "0 $shift_by 65536" >"/proc/$!/$map"; done
    nsenter --user --target $! -- "$@"
    kill $!
}

if [ "$1" = --inside ]; then
    shift
    work=$1 shift_by=$2 hostname=$3 user=$4 password=$5
    shift 5
    truncate -s 2G "$work/disk"
    mkfs.ext4 -q -F -m 0 -N 131072 -E lazy_itable_init=1,nodiscard "$work/disk"
    loop=$(losetup --find --show "$work/disk")
    minor=$(stat -c %T "$loop")
    rm "$work/disk"
    # The kernel tells a mount's source as it was named.
    mkdir "$work/dev" "$work/root"
    mount -t tmpfs none "$work/dev"
    mknod "$work/dev/vda1" b 7 "$((0x$minor))"
    mount --bind "$work/dev" /dev
    mount -t ext4 -o errors=remount-ro /dev/vda1 "$work/root"
    umount /dev
    losetup --detach "$loop"
    rmdir "$work/root/lost+found"
    attributes='--xattrs --xattrs-include=security.capability'
    for layer; do
        (cd "$layer" && unshift_owners tar -c $attributes --exclude='./dev/*' .) | tar -C "$work/root" -xp $attributes
    done
    hostname "$hostname"
    ip link set lo up
    ip tuntap add dev eth0 mode tap
    ip link set eth0 address 52:54:00:12:34:56 up
    ip addr add 10.200.0.10/20 brd + dev eth0
    ip route add default via 10.200.0.1 dev eth0
    printf '%s\n' "$hostname" >"$work/root/etc/hostname"
    # As Debian's installer writes it.
    {
        printf '127.0.0.1\tlocalhost\n127.0.1.1\t%s\n\n' "$hostname"
        printf '# The following lines are desirable for IPv6 capable hosts\n'
        printf '::1     localhost ip6-localhost ip6-loopback\nff02::1 ip6-allnodes\nff02::2 ip6-allrouters\n'
    } >"$work/root/etc/hosts"
    printf 'nameserver 10.200.0.1\n' >"$work/root/etc/resolv.conf"
    ssh-keygen -q -A -f "$work/root"
    chroot "$work/root" useradd -m -G users -s /bin/bash "$user"
    printf 'root:%s\n%s:%s\n' "$password" "$user" "$password" | chroot "$work/root" chpasswd
    exec unshare --pid --fork --kill-child -- sh "$0" --first "$work/root"
fi

# What the kernel and systemd mount at a start of Debian 12.
root=$2
mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
mount -t sysfs -o nosuid,nodev,noexec sysfs "$root/sys"
mount -t devtmpfs -o nosuid udev "$root/dev"
mkdir -p "$root/dev/pts" "$root/dev/shm" "$root/dev/mqueue"
mount -t devpts -o nosuid,noexec,gid=5,mode=620,ptmxmode=000 devpts "$root/dev/pts"
mount -t tmpfs -o nosuid,nodev,noexec,size=10%,mode=755 tmpfs "$root/run"
mount -t tmpfs -o nosuid,nodev tmpfs "$root/dev/shm"
mkdir "$root/run/lock"
mount -t tmpfs -o nosuid,nodev,noexec,size=5120k tmpfs "$root/run/lock"
mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 "$root/sys/fs/cgroup"
mount -t mqueue -o nosuid,nodev,noexec mqueue "$root/dev/mqueue"
sed -n 's/^PPid:\t//p' /proc/self/status >&2
cd "$root"
mkdir -p .old
pivot_root . .old
exec chroot . sh -c 'umount -l /.old && rmdir /.old && exec env -i HOME=/ TERM=linux /sbin/init' </dev/null
