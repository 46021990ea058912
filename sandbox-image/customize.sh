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

# rsyslog keeps the logs. journald would otherwise take 8 MB of every sandbox's disk at once; so it takes an eighth of what is allowed here.
mkdir -p "$root/etc/systemd/journald.conf.d"
printf '[Journal]\nStorage=volatile\nRuntimeMaxUse=8M\nForwardToSyslog=yes\n' >"$root/etc/systemd/journald.conf.d/10-rsyslog.conf"

# PID 1: see init.c. The real one waits beside it.
mv "$root/usr/lib/systemd/systemd" "$root/usr/lib/systemd/.systemd"
install -m 0755 "$programs/init" "$root/usr/lib/systemd/systemd"

sums=$root/var/lib/dpkg/info/systemd.md5sums
# dpkg takes what we put in the place of one of systemd's files for its own.
own() { # a name as dpkg has it, where the file lies
    sum=$(md5sum <"$root/$2" | cut -d ' ' -f 1)
    sed -i "s#^[0-9a-f]*  $1\$#$sum  $1#" "$sums"
}

# See systemctl.c.
mv "$root/usr/bin/systemctl" "$root/usr/lib/systemd/systemd-ctl"
mv "$root/usr/bin/hostnamectl" "$root/usr/lib/systemd/systemd-host-ctl"
for name in systemctl hostnamectl; do
    install -m 0755 "$programs/systemctl" "$root/usr/bin/$name"
    # Debian 13 has merged its folders in dpkg's eyes too.
    own "bin/$name" "usr/bin/$name"
    own "usr/bin/$name" "usr/bin/$name"
done

# No systemd is on the bus to start these when somebody asks for them (hostnamectl, timedatectl, localectl), so the bus does it itself.
for name in hostname timedate locale; do
    service=usr/share/dbus-1/system-services/org.freedesktop.${name}1.service
    sed -i "s#^Exec=/bin/false\$#Exec=/lib/systemd/systemd-${name}d#" "$root/$service"
    own "$service" "$service"
done
# Asking for systemd itself would be a line in the logs each time, of an answer that no server gives.
rm -f "$root/usr/share/dbus-1/system-services/org.freedesktop.systemd1.service"
sed -i '\#usr/share/dbus-1/system-services/org.freedesktop.systemd1.service$#d' "$sums" "$root/var/lib/dpkg/info/systemd.list"

# A server that sends no mail away needs no look at its queue every five minutes. dpkg takes the administrator's word for it.
if [ -e "$root/etc/cron.d/dma" ]; then
    sed -i 's/^\*/#*/' "$root/etc/cron.d/dma"
    sum=$(md5sum <"$root/etc/cron.d/dma" | cut -d ' ' -f 1)
    sed -i "s#^ /etc/cron.d/dma [0-9a-f]*\$# /etc/cron.d/dma $sum#" "$root/var/lib/dpkg/status"
fi

# The sensor names the host, not the machine that this was built on.
[ ! -e "$root/etc/mailname" ] || echo localhost >"$root/etc/mailname"

# Traces of how this was made. Not $root/tmp: mmdebstrap keeps apt's configuration there until it has cleaned up itself,
# and without it apt would clean this machine's own lists.
rm -rf "$root"/run/* "$root"/var/tmp/* "$root"/var/log/bootstrap.log "$root"/var/log/apt/* \
    "$root"/var/cache/debconf/*-old "$root"/var/lib/dpkg/*-old \
    "$root/etc/apt/apt.conf.d/99mmdebstrap" "$root/etc/dpkg/dpkg.cfg.d/99mmdebstrap"

# Last: it dates what all of this wrote.
chroot "$root" python3 - "$built" <"$(dirname -- "$0")/age.py"
