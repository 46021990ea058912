import { readFileSync } from "node:fs";
import { MitsubakoError } from "../model/errors.ts";
import { portsOf } from "./bridge.ts";
import { command } from "./command.ts";
import type { FencePlan } from "./plan.ts";

/** A sandbox's end of the cable to the bridge, and ours. */
export interface SandboxPort {
  /** The name of the host's end. */
  readonly port: string;
  /** The sandbox's hardware address. */
  readonly mac: string;
}

/**
 * Finds the port of the container whose first process is given. To be asked before a stranger is in there.
 *
 * @throws MitsubakoError `firewall-failed` if the container's `eth0` does not end at a port of our bridge.
 */
export async function portOf({ bridge }: FencePlan, pid: number): Promise<SandboxPort> {
  const shown = await command("nsenter", ["-t", String(pid), "-n", "ip", "-j", "link", "show", "eth0"]);
  const [link] = JSON.parse(shown) as { ifindex: number; link_index?: number; address: string }[];
  // The two ends name each other; the numbers alone could be those of another namespace's devices.
  const port = portsOf(bridge).find(
    (port) =>
      link !== undefined &&
      readNumber(port, "ifindex") === link.link_index &&
      readNumber(port, "iflink") === link.ifindex,
  );
  if (!link || port === undefined)
    throw new MitsubakoError("firewall-failed", `The container of process ${pid} has no port of ${bridge}.`, {
      remedy: "Look at the engine's network; `mitsubako doctor` names what is wrong.",
    });
  return { port, mac: link.address };
}

/** Undefined when the port is gone meanwhile. */
function readNumber(port: string, file: "ifindex" | "iflink"): number | undefined {
  try {
    return Number(readFileSync(`/sys/class/net/${port}/${file}`, "utf8"));
  } catch {
    return undefined;
  }
}
