# Docker Engine. Sourced by run.sh.

ENGINE_SOCKET=/var/run/docker.sock
ENGINE_LOG=/var/log/dockerd.log

# Asked with the machine's own Node where there is one, because ours may not run yet.
engine_answers() {
    [ -S "$ENGINE_SOCKET" ] && PATH=$(path_without "$root/node_modules/.bin"):$root/node_modules/.bin node -e '
        const [socketPath] = process.argv.slice(1);
        require("http").get({ socketPath, path: "/_ping", timeout: 3000 }, ({ statusCode, headers }) => {
            process.exit(statusCode === 200 && headers["api-version"] ? 0 : 1);
        }).on("error", () => process.exit(1)).on("timeout", () => process.exit(1));' "$ENGINE_SOCKET"
}

# A docker client alone is no engine: what counts is one that answers, or a dockerd that can be started.
engine_is_installed() { command -v dockerd >/dev/null || engine_answers; }

# What is to be installed for an engine. One that is there already is not ours to replace; docker.io would even conflict
# with docker-ce.
engine_packages() {
    ! engine_is_installed || return 0
    echo docker.io
    # dockerd refuses to start containers where the kernel has AppArmor but its parser is missing.
    [ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" != Y ] || echo apparmor
}

# For an engine that this set-up installs, and no other: root in a sandbox is nobody on the host (userns-remap),
# sandboxes outlive a restart of the engine, logs are bounded. Written before the package starts the engine.
configure_engine() {
    [ ! -e /etc/docker/daemon.json ] || return 0
    mkdir -p /etc/docker
    cat >/etc/docker/daemon.json <<'JSON'
{
  "userns-remap": "default",
  "live-restore": true,
  "log-driver": "json-file",
  "log-opts": { "max-size": "10m", "max-file": "3" }
}
JSON
}

bring_engine() {
    ! engine_answers || return 0
    if [ -d /run/systemd/system ]; then
        say "starting Docker Engine ..."
        systemctl start docker >/dev/null 2>&1 ||
            fail "Docker Engine does not start ($(journalctl -u docker -n 1 -o cat 2>/dev/null)). See \"journalctl -u docker\", then run this again."
        wait_for_engine || fail "Docker Engine does not answer on $ENGINE_SOCKET. See \"systemctl status docker\", then run this again."
        return 0
    fi
    # The package's own start script may have been faster.
    if ! pgrep -x dockerd >/dev/null; then
        say "starting Docker Engine (its log is $ENGINE_LOG) ..."
        start_engine_by_hand
    fi
    wait_for_engine || fail "Docker Engine does not start ($(tail -n 1 "$ENGINE_LOG" 2>/dev/null)). See $ENGINE_LOG, then run this again."
}

start_engine_by_hand() {
    mountpoint -q /sys/fs/cgroup || mount -t cgroup2 cgroup2 /sys/fs/cgroup ||
        fail "Control groups cannot be mounted on /sys/fs/cgroup. Boot a kernel with cgroups, then run this again."
    # Left by an engine that was killed; dockerd refuses to start if that number runs again as something else.
    rm -f /var/run/docker.pid
    # A session of its own: neither the terminal's hang-up nor its Ctrl-C ends the engine.
    setsid dockerd --pidfile /var/run/docker.pid >>"$ENGINE_LOG" 2>&1 </dev/null &
}

# At most 60 s: the first start makes its key, its storage and its bridge.
wait_for_engine() {
    tries=0
    while [ $tries -lt 120 ]; do
        ! engine_answers || return 0
        tries=$((tries + 1))
        # Five seconds for it to show up, then its death ends the wait.
        [ $tries -lt 10 ] || pgrep -x dockerd >/dev/null || return 1
        sleep 0.5
    done
    return 1
}
