#!/bin/sh
# Prepares the machine, then runs the gateway or its tests. Called by `npm start`, `npm test` and `npm run bench`:
#
#     sh gateway/setup/run.sh serve|test|bench [arguments of it]
#     sh gateway/setup/run.sh prepare              everything but the start
#     sh gateway/setup/run.sh packages             only the distribution's packages, no engine: for Dockerfile.gateway
#
# Only what is missing is brought, so a second run costs a few tenths of a second. Whatever cannot be had is told in
# one sentence with its remedy, and the exit code is 2. POSIX sh, because nothing of ours is installed yet.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
root=$(CDPATH='' cd -- "$here/../.." && pwd -P)
cd -- "$root"

# Programs of the system administrator lie in sbin, which sudo and su do not always have in PATH.
PATH=$root/node_modules/.bin:$PATH:/usr/local/sbin:/usr/sbin:/sbin
export PATH

say() { printf 'set-up: %s\n' "$*" >&2; }
fail() {
    printf 'mitsubako: %s\n' "$*" >&2
    exit 2
}

. "$here/machine.sh"
. "$here/npm-packages.sh"
. "$here/packages.sh"
. "$here/engine.sh"

run_tests() { # a file that gets all that is printed, options and files of node --test
    also=$1
    shift
    node --test --test-timeout=1200000 --test-reporter=spec --test-reporter-destination=stdout \
        --test-reporter=spec --test-reporter-destination="$also" "$@"
}

purpose=${1:-}
case $purpose in
serve | test | bench | prepare | packages) shift ;;
*) fail "run.sh takes serve, test, bench, prepare or packages as its first argument, not \"$purpose\"." ;;
esac

require_root
require_debian_or_ubuntu
case $purpose in
packages)
    bring_packages $GATEWAY_PACKAGES
    exit 0
    ;;
test | bench) bring_packages $GATEWAY_PACKAGES $TEST_PACKAGES $(engine_packages) ;;
*) bring_packages $GATEWAY_PACKAGES $(engine_packages) ;;
esac
bring_npm_packages
require_readable_code
bring_engine

case $purpose in
serve) exec node gateway/main.ts serve "$@" ;;
bench)
    node gateway/setup/prepare-image.ts debian-12
    # `npm run bench -- recording` and others: a part by its name.
    exec node "test/bench/${1:-main}.ts"
    ;;
test)
    # Before the tests, so that no two of them build it at once.
    node gateway/setup/prepare-image.ts debian-12 debian-13
    told=$(mktemp -d)
    trap 'rm -rf -- "$told"' EXIT
    # Arguments are files, or options of node --test; without a file among them all are meant.
    case " $* " in
    *.test.ts\ *) ;;
    *)
        # First, so that the last word is on the many. Each of these has a machine of its own, and waits for much of its time.
        apart=$(printf '%s\n' test/failures/*.test.ts)
        # These measure: one after the other.
        alone="test/firewall/egress.test.ts test/firewall/shaper.test.ts test/gateway/noisy-neighbours.test.ts"
        run_tests "$told/apart" --test-concurrency=2 "$@" $apart || failed=$?
        run_tests "$told/alone" --test-concurrency=1 "$@" $alone || failed=$?
        set -- "$@" $(find test -name '*.test.ts' | LC_ALL=C sort | grep -Fvx "$(printf '%s\n' $apart $alone)")
        ;;
    esac
    # Two files at a time: most of a file's time is waiting for the engine, and the machines have two cores.
    run_tests "$told/all" --test-concurrency=2 "$@" || failed=$?
    # What failed in those before stands thousands of lines above.
    for earlier in "$told/apart" "$told/alone"; do
        [ ! -f "$earlier" ] || sed -n '/^✖ failing tests:/,$p' "$earlier"
    done
    exit "${failed:-0}"
    ;;
esac
