#!/bin/sh
# Builds the root file system of a sandbox image from the Debian archive:
#
#     sh sandbox-image/build.sh OUT.tar [PERSONA]          (PERSONA: a folder beside this file, debian-12 if absent)
#     sh sandbox-image/build.sh --inputs [PERSONA]         (prints the SHA-256 of everything that goes into it)
#
# Lines "progress PERCENT TEXT" go to standard output, what went wrong to standard error in one line, beginning with
# the error's code where it has one ("archive-unreachable: ..."). Needs root, mmdebstrap, tcc and musl.
# MITSUBAKO_DEBIAN_MIRROR and MITSUBAKO_SECURITY_MIRROR name other archives than the machine's own.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

fail() {
    printf '%s\n' "$*" >&2
    exit 1
}
progress() { printf 'progress %s %s\n' "$1" "$2"; }

inputs_hash() {
    {
        uname -m
        cd -- "$here"
        find build.sh customize.sh age.py init.c systemctl.c "$persona" -type f | LC_ALL=C sort | xargs sha256sum
    } | sha256sum | cut -d ' ' -f 1
}

# Static, with musl: glibc's own static library needs relocations that tcc does not do, and gcc with its libraries is forty times larger.
compile() { # source, program
    musl=/usr/lib/$(uname -m)-linux-musl
    headers=/usr/include/$(uname -m)-linux-musl
    tcc -static -nostdlib -nostdinc -I "$headers" -Wall -Werror -o "$2" \
        "$musl/crt1.o" "$musl/crti.o" "$here/$1" "$musl/libc.a" "$musl/crtn.o"
}

# The archive that this machine's apt uses for the suite, when it is a Debian; else Debian's own.
mirror_of() { # suite, fallback
    found=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Codename: $1" 'Origin: Debian' 2>/dev/null | head -n 1)
    printf '%s' "${found:-$2}"
}

answers() { # mirror, suite
    probe=$(mktemp)
    # Mirrors are many machines behind one name, and each has its bad moment.
    for pause in 0 2 5; do
        sleep $pause
        rm -f "$probe"
        if /usr/lib/apt/apt-helper -o Acquire::Retries=1 -o Acquire::http::Timeout=20 download-file \
            "${1%/}/dists/$2/InRelease" "$probe" >/dev/null 2>&1; then
            rm -f "$probe"
            return 0
        fi
    done
    return 1
}

source_line() { printf 'deb [signed-by=%s] %s %s %s\n' "$KEYRING" "$1" "$2" "$COMPONENTS"; }

# Proxies and tolerance for old archives are the machine's, not the image's.
apt_options() {
    echo 'Acquire::Retries "5";'
    apt-config dump --format '%f "%v";%n' | grep -E '^Acquire::(https?::Proxy|Check-Valid-Until|Check-Date|Retries)' || true
}

# mmdebstrap mounts /proc, /sys and devices of this machine below the folder it works in. In namespaces of its own they
# end with its last process, however that ends, and before anybody removes the folder.
apart() { unshare --mount --propagation private --pid --fork --kill-child --mount-proc -- "$@"; }

# mmdebstrap's own words for where it is, as a share of the time it took when measured.
translate() {
    while IFS= read -r line; do
        printf '%s\n' "$line" >>"$1"
        case $line in
        *"running apt-get update"*) progress 2 "reading the archive's lists" ;;
        *"downloading packages with apt"*) progress 5 "downloading the base system" ;;
        *"extracting archives"*) progress 12 "unpacking the base system" ;;
        *"installing essential packages"*) progress 16 "installing the base system" ;;
        *"installing remaining packages"*) progress 28 "installing the server's packages" ;;
        *"running --customize-hook"*) progress 85 "setting the server up" ;;
        *"cleaning package lists"*) progress 90 "cleaning up" ;;
        *"creating tarball"*) progress 92 "packing the image" ;;
        esac
    done
}

if [ "${1:-}" = --inputs ]; then
    persona=${2:-debian-12}
    inputs_hash
    exit 0
fi
out=${1:?usage: build.sh OUT.tar [PERSONA]}
persona=${2:-debian-12}
[ -r "$here/$persona/image.conf" ] || fail "bad-usage: There is no persona \"$persona\" in $here."
. "$here/$persona/image.conf"
for program in mmdebstrap tcc unshare apt-helper; do
    command -v $program >/dev/null || [ -x /usr/lib/apt/$program ] || fail "tool-missing: $program is not installed."
done
[ -r "$KEYRING" ] || fail "tool-missing: the package debian-archive-keyring is not installed."

work=$(mktemp -d "$(dirname -- "$out")/.build.XXXXXX")
trap 'rm -rf --one-file-system -- "$work"' EXIT
trap 'exit 1' INT TERM HUP

mirror=${MITSUBAKO_DEBIAN_MIRROR:-$(mirror_of "$SUITE" http://deb.debian.org/debian)}
security=${MITSUBAKO_SECURITY_MIRROR:-$(mirror_of "$SECURITY_SUITE" http://security.debian.org/debian-security)}
progress 0 "asking the Debian archive"
answers "$mirror" "$SUITE" || fail "archive-unreachable: $mirror does not answer for $SUITE."
source_line "$mirror" "$SUITE" >"$work/sources"
! answers "$mirror" "$UPDATES_SUITE" || source_line "$mirror" "$UPDATES_SUITE" >>"$work/sources"
! answers "$security" "$SECURITY_SUITE" || source_line "$security" "$SECURITY_SUITE" >>"$work/sources"

compile init.c "$work/init"
compile systemctl.c "$work/systemctl"
built=$(date +%s)
packages=$({ sed -e 's/#.*//' "$here/$persona/packages"; echo "$EXTRA_PACKAGES"; } | tr -s ' \n' ',,' | sed 's/,$//')
apt_options >"$work/apt.conf"

# The status of a pipe is its last command's, so mmdebstrap's own goes through a file.
{
    status=0
    TMPDIR=$work LC_ALL=C.UTF-8 apart mmdebstrap --mode=root --variant=important --skip=cleanup/reproducible --format=tar --dpkgopt=force-unsafe-io \
        --components="$COMPONENTS" --include="${packages#,}" --aptopt="$work/apt.conf" \
        --essential-hook='echo "locales locales/default_environment_locale select '"$LOCALE"'" | chroot "$1" debconf-set-selections' \
        --essential-hook='echo "locales locales/locales_to_be_generated multiselect '"$LOCALE"' UTF-8" | chroot "$1" debconf-set-selections' \
        --customize-hook="sh '$here/customize.sh' \"\$1\" '$here/$persona' '$work' '$built'" \
        "$SUITE" "$work/image.tar" "$work/sources" 2>&1 >/dev/null || status=$?
    echo "$status" >"$work/status"
} | translate "$work/log"

if [ "$(cat "$work/status")" -ne 0 ]; then
    if grep -q 'No space left on device' "$work/log"; then
        fail "disk-full: there is no room left on $(df -P "$work" | awk 'NR == 2 { print $6 }')."
    fi
    fail "image-build-failed: $(grep -E '^(E|W|dpkg: error|mmdebstrap failed)' "$work/log" | head -n 3 | tr '\n' ' ')"
fi
mv -- "$work/image.tar" "$out"
progress 100 "the image is packed"
