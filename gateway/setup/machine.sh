# What must be true of the machine and of the checkout. Sourced by run.sh.

require_root() {
    [ "$(uname -s)" = Linux ] || fail "The gateway runs on Linux only. Use a Debian or Ubuntu server."
    [ "$(id -u)" -eq 0 ] || fail "Root's rights are needed for Docker Engine and netfilter. Run it again with sudo: sudo npm start."
}

require_debian_or_ubuntu() {
    command -v apt-get >/dev/null && command -v dpkg-query >/dev/null ||
        fail "apt-get was not found, so nothing can be installed. Use Debian 12 or newer, or Ubuntu 22.04 or newer."
}

# Fronts and archivist run under users of their own, so a checkout made under umask 077 would stop them.
# Folders above the checkout do not matter: the warden binds the checkout elsewhere for them.
require_readable_code() {
    # What commands keep for themselves is theirs alone.
    unreadable=$(find package.json gateway policies node_modules -path node_modules/.cache -prune -o \
        \( -type d ! -perm -o+rx -o -type f ! -perm -o+r \) -print 2>/dev/null | head -n 1)
    [ -z "$unreadable" ] ||
        fail "Other users cannot read $root/$unreadable, but the gateway's unprivileged processes must. Run: chmod -R o+rX '$root'"
}

# The name of a file system with less than $2 megabytes left at $1, or nothing.
short_of_room() {
    df -Pm -- "$1" 2>/dev/null | awk -v need="$2" 'NR == 2 && $4 < need { print $6 }'
}

# PATH without the folder $1.
path_without() {
    printf '%s' "$PATH" | tr ':' '\n' | grep -Fvx -- "$1" | paste -sd : -
}
