# The npm packages, Node 26 among them. Sourced by run.sh.

bring_npm_packages() {
    if npm_packages_are_current && node_runs; then
        return
    fi
    command -v npm >/dev/null || fail "npm was not found. Install Node 20 or newer with npm, then run this again."
    full=$(short_of_room . 600)
    [ -z "$full" ] || fail "The file system at $full has less than 600 MB left for the npm packages. Make room and run this again."
    say "bringing the npm packages (Node 26 among them) ..."
    log=$(mktemp)
    # With the machine's own Node: `npm run` puts node_modules/.bin in front, which `npm ci` is about to delete.
    # ssh2's optional addon may fail to build here without a word: the gateway says at start whether it has it.
    if ! PATH=$(path_without "$root/node_modules/.bin") npm ci --no-fund --no-audit --loglevel=error >"$log" 2>&1; then
        reason=$(grep -v '^npm error A complete log' "$log" | sed -n 's/^npm error //p' | tail -n 1)
        rm -f "$log"
        fail "npm could not bring the packages ($reason). Check that the npm registry can be reached, then run this again."
    fi
    rm -f "$log"
    node_runs || install_node_by_its_script
    node_runs || fail "Node 26 was installed but does not run. Remove $root/node_modules and run this again."
}

npm_packages_are_current() {
    [ -e node_modules/.package-lock.json ] && [ -z "$(find package-lock.json -newer node_modules/.package-lock.json)" ]
}

node_runs() {
    case $(node_modules/.bin/node --version 2>/dev/null) in
    v26.*) return 0 ;;
    *) return 1 ;;
    esac
}

# The package `node` fetches the binary for this machine in its install script, which npm may be configured not to run.
install_node_by_its_script() {
    say "running the install script of the package \"node\" ..."
    (cd node_modules/node && node installArchSpecificPackage.js) >/dev/null 2>&1 || true
}
