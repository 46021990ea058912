#!/bin/sh
# Runs on the host as mmdebstrap's last hook: customize.sh ROOT PERSONA_FOLDER PROGRAMS BUILT. Turns a freshly installed Debian
# into the disk of a server that has been set up and left alone.
set -eu
root=$1 persona=$2 programs=$3 built=$4
. "$persona/image.conf"

# The archive's address as the installer writes it, not the one this machine happened to use.
cat >"$root/etc/apt/sources.list" <<LIST
deb http://deb.debian.org/debian/ $SUITE $COMPONENTS
deb http://security.debian.org/debian-security $SECURITY_SUITE $COMPONENTS
deb http://deb.debian.org/debian/ $UPDATES_SUITE $COMPONENTS
LIST
rm -rf "$root"/etc/apt/sources.list.d/*

# Every installation has its own; they come with the sandbox.
rm -f "$root"/etc/ssh/ssh_host_*
: >"$root/etc/machine-id"
rm -f "$root/var/lib/dbus/machine-id"
ln -s /etc/machine-id "$root/var/lib/dbus/machine-id" 2>/dev/null || true

# As hosting companies hand servers out; a root who came in with a password would look for this line.
sed -i 's/^#PermitRootLogin prohibit-password$/PermitRootLogin yes/' "$root/etc/ssh/sshd_config"

echo localhost >"$root/etc/hostname"
printf '127.0.0.1\tlocalhost\n::1\t\tlocalhost ip6-localhost ip6-loopback\nff02::1\t\tip6-allnodes\nff02::2\t\tip6-allrouters\n' >"$root/etc/hosts"
ln -sf /usr/share/zoneinfo/Etc/UTC "$root/etc/localtime"
printf '# /etc/fstab: static file system information.\n#\n# <file system> <mount point>   <type>  <options>       <dump>  <pass>\n/dev/vda1       /               ext4    errors=remount-ro 0       1\n' >"$root/etc/fstab"

# rsyslog keeps the logs. A journal of its own would take 8 MB of every sandbox's disk.
mkdir -p "$root/etc/systemd/journald.conf.d"
printf '[Journal]\nStorage=none\nForwardToSyslog=yes\n' >"$root/etc/systemd/journald.conf.d/10-rsyslog.conf"

# PID 1: see init.c. The real one waits beside it.
mv "$root/usr/lib/systemd/systemd" "$root/usr/lib/systemd/.systemd"
install -m 0755 "$programs/init" "$root/usr/lib/systemd/systemd"

# See systemctl.c. dpkg takes it for its own.
mv "$root/usr/bin/systemctl" "$root/usr/lib/systemd/systemd-ctl"
install -m 0755 "$programs/systemctl" "$root/usr/bin/systemctl"
sum=$(md5sum <"$root/usr/bin/systemctl" | cut -d ' ' -f 1)
sed -i "s#^[0-9a-f]*  bin/systemctl\$#$sum  bin/systemctl#" "$root/var/lib/dpkg/info/systemd.md5sums"

# Traces of how this was made. Not $root/tmp: mmdebstrap keeps apt's configuration there until it has cleaned up itself,
# and without it apt would clean this machine's own lists.
rm -rf "$root"/run/* "$root"/var/tmp/* "$root"/var/log/alternatives.log "$root"/var/log/bootstrap.log "$root"/var/log/apt/* \
    "$root"/var/cache/debconf/*-old "$root"/var/lib/dpkg/*-old \
    "$root/etc/apt/apt.conf.d/99mmdebstrap" "$root/etc/dpkg/dpkg.cfg.d/99mmdebstrap"

# Last: it dates what all of this wrote.
chroot "$root" python3 - "$built" <"$(dirname -- "$0")/age.py"
