# The distribution's packages. Sourced by run.sh.

# What the gateway calls, and for what:
#   nftables conntrack iptables iproute2   containment, the bridge, bandwidth; Docker Engine itself uses iptables
#   ipset                                  byte counts and sets, where iptables drives netfilter
#   mmdebstrap debian-archive-keyring      the sandbox image (the keyring is not part of Ubuntu)
#   tcc musl-dev                           its PID 1, linked statically; 3 MB, where gcc with its libraries is over 100
#   openssh-client                         ssh-keygen for the personas' host keys
#   util-linux mount e2fsprogs             unshare, setpriv, mount, mkfs.ext4: processes without rights, capped disks
#   passwd                                 usermod, with which the engine makes its user namespace
#   procps                                 pgrep, sysctl
#   tcpdump                                reads netfilter's log for the outpost
#   openssl                                the outpost's own certificate
#   libatomic1                             Node 26 itself
GATEWAY_PACKAGES="nftables conntrack iptables ipset iproute2 mmdebstrap debian-archive-keyring tcc musl-dev
    openssh-client util-linux mount e2fsprogs passwd procps tcpdump openssl
    libatomic1 ca-certificates xz-utils tar"

# What only tests call: other people's SSH clients and servers, zstd for Python, a terminal to play into, a clock that can be stepped,
# scanners (nmap 27 MB with what it needs, ssh-audit), and the programs that read what is exported (asciinema 80 kB; tshark 20 MB with its
# libraries, some 20 seconds).
TEST_PACKAGES="openssh-server openssh-sftp-server dropbear-bin python3-paramiko python3-zstandard hydra sshpass tmux curl git faketime
    asciinema tshark nmap ssh-audit"
# And the browser that plays what is exported as a page: 60 MB, half a minute. Ubuntu has none that is a package; there, that one
# test says what it misses.
! grep -qx 'ID=debian' /etc/os-release || TEST_PACKAGES="$TEST_PACKAGES chromium-headless-shell"

bring_packages() {
    missing=$(missing_packages "$@")
    [ -n "$missing" ] || return 0

    full=$(short_of_room /var 1500)
    [ -z "$full" ] || fail "The file system at $full has less than 1500 MB left for packages. Make room and run this again."
    case " $missing " in *" docker.io "*) configure_engine ;; esac
    case " $missing " in *" openssh-server "*) keep_ssh_down ;; esac
    say "installing" $missing "..."
    apt_log=$(mktemp)
    if ! install_packages $missing >"$apt_log" 2>&1; then
        # What is known of the archive may be old or absent; ask it once, then try again.
        say "asking the distribution's archive what it has ..."
        if ! apt_get update >"$apt_log" 2>&1 || grep -q '^[EW]: Failed to fetch' "$apt_log"; then
            reason=$(sed -n 's/^[EW]: //p' "$apt_log" | head -n 1)
            rm -f "$apt_log"
            fail "The distribution's archive cannot be reached ($reason). Check the network and /etc/apt/sources.list, then run this again."
        fi
        if ! install_packages $missing >"$apt_log" 2>&1; then
            reason=$(sed -n 's/^E: //p' "$apt_log" | head -n 1)
            rm -f "$apt_log"
            fail "apt-get could not install" $missing "($reason). Run \"apt-get install" $missing"\" to see why, then run this again."
        fi
    fi
    rm -f "$apt_log"
    case " $missing " in *" openssh-server "*) leave_ssh_down ;; esac
}

# The tests want the program sshd, not a server on port 22 that this machine did not have before.
keep_ssh_down() {
    [ ! -e /usr/sbin/policy-rc.d ] || return 0
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    cat >/usr/sbin/policy-rc.d <<'POLICY'
#!/bin/sh
# Made by Mitsubako's set-up for the moment of installing openssh-server; safe to remove.
case $1 in ssh | ssh.* | sshd*) exit 101 ;; esac
exit 0
POLICY
    chmod 755 /usr/sbin/policy-rc.d
}

leave_ssh_down() {
    ! grep -qs "Mitsubako's set-up" /usr/sbin/policy-rc.d || rm -f /usr/sbin/policy-rc.d
    trap - EXIT
    [ ! -d /run/systemd/system ] || systemctl disable --quiet ssh.service ssh.socket 2>/dev/null || true
}

missing_packages() {
    # A package that was removed but not purged is known, too: only "installed" counts.
    have=" $(dpkg-query -W -f '${Package}:${db:Status-Status} ' "$@" 2>/dev/null || true)"
    lacking=
    for package in "$@"; do
        case $have in
        *" $package:installed "*) ;;
        *) lacking="$lacking $package" ;;
        esac
    done
    printf '%s' "${lacking# }"
}

install_packages() { apt_get install --yes --no-install-recommends "$@"; }

# Never asks, never restarts services by itself, waits for another apt to end.
apt_get() {
    DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l LC_ALL=C \
        apt-get -q -o DPkg::Lock::Timeout=120 -o Dpkg::Options::=--force-confold "$@" </dev/null
}
