import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

/**
 * Runs a program of this folder as root of a machine of its own: network, mounts and processes are private and end
 * with it, so it may flush, delete and kill what it likes. Resolves with what it printed, parsed as JSON. `network`: the policy's
 * section that the lab's fence is raised with.
 */
export async function inLab(
  script: string,
  { args = [], network }: { readonly args?: readonly string[]; readonly network?: object } = {},
): Promise<unknown> {
  const prepare =
    "mount -t sysfs sysfs /sys && mount -t tmpfs tmpfs /run && mkdir /run/netns && ip link set lo up";
  const child = spawn(
    "unshare",
    [
      ...["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private"],
      ...[
        "sh",
        "-c",
        `${prepare} && exec "$@"`,
        "sh",
        process.execPath,
        join(import.meta.dirname, script),
        ...args,
      ],
    ],
    {
      stdio: ["ignore", "pipe", "pipe"],
      ...(network ? { env: { ...process.env, LAB_NETWORK: JSON.stringify(network) } } : {}),
    },
  );
  let output = "";
  let errors = "";
  child.stdout.on("data", (chunk) => (output += String(chunk)));
  child.stderr.on("data", (chunk) => {
    errors += String(chunk);
  });
  await once(child, "close");
  if (child.exitCode !== 0)
    throw new Error(
      `${script} ended with ${child.exitCode ?? child.signalCode ?? "?"}; it needs root, iproute2, nftables, conntrack and python3:\n${errors}\n${output}`,
    );
  return JSON.parse(output);
}
