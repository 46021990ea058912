import { basename } from "node:path";
import type { LabMachine } from "./lab-machine.ts";

/** What a machine holds in its kernel, its engine and its processes, as sorted lines under the name of each part. */
export type LabState = Readonly<Record<string, readonly string[]>>;

/**
 * Two of these are the same when a gateway has left nothing. Counters, handles and numbers that the kernel makes up anew are
 * taken out; so is a chain that the engine makes at some of its starts, what the lab's own looking causes, and the empty folders of /run that stay for the next one.
 */
export async function labState(lab: LabMachine): Promise<LabState> {
  const root = lab.engineRoot;
  const parts: Readonly<Record<string, string>> = {
    "nft tables": "nft -s list ruleset | awk '/^table ip6? (filter|nat|mangle|raw) /,/^}/ { next } { print }'",
    // Tables and chains that are there as soon as anybody has asked for them say nothing.
    "iptables": "iptables-save | grep -E '^-A|^:[^ ]* -' | grep -v DOCKER-USER | sed 's/ \\[.*//'",
    "ip6tables": "ip6tables-save | grep -E '^-A|^:[^ ]* -' | sed 's/ \\[.*//'",
    "ipsets": "ipset list -n",
    "routing rules": "ip rule; ip -6 rule",
    "routes": "{ ip route show table all; ip -6 route show table all; } | grep -v docker0 | sed 's/ expires [^ ]*//'",
    "links": "ip -br link | awk '{ print $1 }'",
    "namespaces": "ip netns list",
    "queues": "tc qdisc show; for l in $(ls /sys/class/net); do tc filter show dev $l; tc filter show dev $l parent ffff: 2>/dev/null; done",
    "connections": "conntrack -L 2>/dev/null | grep -oE '10\\.(10|20)[0-9]\\.[0-9.]*' | sort -u",
    "mounts": "awk '{ print $2, $3 }' /proc/mounts",
    // By the disk that their files lie on: what the kernel tells of a sandbox's is no path.
    "loop devices": `losetup --list --noheadings --raw --output BACK-MAJ:MIN,BACK-FILE | grep "^$(mountpoint -d ${lab.folder}/engine) "`,
    "abstract sockets": "ss -Hxl | grep -o '@mitsubako[^ ]*'",
    "processes": "ps -eo args | grep -E 'gateway/|node|containerd-shim|runc|sshd|restless|tcpdump|unshare|nft'",
    "control groups": `find /sys/fs/cgroup/pids/${basename(lab.folder)} -mindepth 1 -type d`,
    "disks of sandboxes": `find ${root} -mindepth 2 -maxdepth 2 -path '*/.mitsubako-disks/*'`,
    "containers": "docker ps -aq; docker volume ls -q",
    "networks": "docker network ls --format '{{.Name}} {{.Driver}}'",
    "layers": `ls ${root}/overlay2 ${root}/containers`,
    // Set for good where a way out is open, as WireGuard does: others may need it by then.
    "settings":
      "grep -H . /proc/sys/net/ipv4/conf/all/* /proc/sys/net/ipv4/conf/default/* /proc/sys/net/ipv4/ip_forward /proc/sys/net/bridge/* 2>/dev/null | grep -v src_valid_mark",
    "shared folders": "ls /run /dev/shm | grep -vE '^(containerd|docker.*|mitsubako)$'",
  }; // prettier-ignore
  const script = Object.entries(parts)
    .map(([name, commands]) => `printf '%s\\n' '## ${name}'; { ${commands}; } | LC_ALL=C sort || true`)
    .join("\n");
  const printed = await lab.sh(script);
  const state: Record<string, string[]> = {};
  for (const section of printed.split(/^## /m).slice(1)) {
    const [name = "", ...lines] = section.split("\n");
    state[name] = lines.filter((line) => line !== "" && !isOfTheLook(line));
  }
  return state;
}

/** What is there now and was not before, and the other way around, one line each. */
export function differences(before: LabState, after: LabState): string[] {
  const lines = (state: LabState) =>
    Object.entries(state).flatMap(([part, all]) => all.map((each) => `${part}: ${each}`));
  const [was, is] = [lines(before), lines(after)];
  return [...without(is, was).map((line) => `+ ${line}`), ...without(was, is).map((line) => `- ${line}`)];
}

/** As multisets: a rule that is there twice counts twice. */
function without(all: readonly string[], taken: readonly string[]): string[] {
  const left = new Map<string, number>();
  for (const line of taken) left.set(line, (left.get(line) ?? 0) + 1);
  return all.filter((line) => {
    const count = left.get(line) ?? 0;
    left.set(line, count - 1);
    return count <= 0;
  });
}

function isOfTheLook(line: string): boolean {
  return /^sh -ec printf|^ps -eo args|^grep -E gateway|^LC_ALL=C sort/.test(line);
}
