import type { NetworkFact } from "../model/network-facts.ts";
import { questionedName } from "./dns-message.ts";
import type { Flows } from "./flows.ts";
import type { IpHeader } from "./ip-header.ts";
import { readLoggedPacket, type LoggedPacket } from "./logged-packet.ts";
import { PcapStream } from "./pcap-stream.ts";
import type { SandboxNetwork } from "./sandbox-network.ts";
import { UNKNOWN_ADDRESS, type Tell } from "./teller.ts";

export interface LogReaderOptions {
  /** Undefined until the outpost is configured: what is logged before concerns nobody. */
  readonly network: () => SandboxNetwork | undefined;
  /** The outpost's own. */
  readonly address: () => string | undefined;
  readonly flows: Flows;
  readonly tell: Tell;
}

const DNS_PORT = 53;

/** Turns netfilter's log, as tcpdump writes it, into facts. */
export class LogReader {
  readonly #options: LogReaderOptions;
  readonly #stream = new PcapStream();

  constructor(options: LogReaderOptions) {
    this.#options = options;
  }

  /** False once the stream makes no sense any more. */
  take(chunk: Buffer): boolean {
    for (const entry of this.#stream.take(chunk)) {
      const packet = readLoggedPacket(entry);
      const network = this.#options.network();
      if (packet && network) this.#logged(packet, network);
    }
    return !this.#stream.broken;
  }

  #logged({ rule, mac, ip }: LoggedPacket, network: SandboxNetwork): void {
    const { flows, tell, address } = this.#options;
    if (!ip) {
      tell({ ...NOT_IP, rule }, { sandbox: undefined, mac });
      return;
    }
    // A cap is charged for both directions; all other rules are about what a sandbox sends.
    const down = rule === "cap" && !network.has(ip.source) && network.has(ip.destination);
    const { near, from, to } = ends(ip, down);
    // An address that is a lie may be another sandbox's.
    const sandbox = rule !== "spoofed" && network.has(near) ? near : undefined;
    const who = { sandbox, mac: down ? undefined : mac };
    if ((rule === "sinkhole" || rule === "dns") && sandbox !== undefined && hasPorts(ip)) {
      // Who answers it tells of it.
      flows.logged({ rule, sandbox, protocol: ip.protocol, from, to, mac });
      return;
    }
    const original =
      to.address === address() && sandbox !== undefined && hasPorts(ip)
        ? flows.find(sandbox, ip.protocol, from)?.to
        : undefined;
    const name = ip.protocol === "udp" && to.port === DNS_PORT ? questionedName(ip.payload) : undefined;
    tell(
      {
        kind: "network",
        rule,
        protocol: ip.protocol,
        ...(ip.protocol === "other" ? { number: ip.number } : {}),
        from,
        to: original ?? to,
        count: 1,
        ...(name === undefined ? {} : { name }),
      },
      who,
    );
  }
}

const NOT_IP = {
  kind: "network",
  protocol: "other",
  from: 0,
  to: { address: UNKNOWN_ADDRESS, port: 0 },
  count: 1,
} satisfies Partial<NetworkFact>;

/** Seen from the sandbox. */
function ends(ip: IpHeader, down: boolean): { near: string; from: number; to: NetworkFact["to"] } {
  return down
    ? { near: ip.destination, from: ip.destinationPort, to: { address: ip.source, port: ip.sourcePort } }
    : { near: ip.source, from: ip.sourcePort, to: { address: ip.destination, port: ip.destinationPort } };
}

function hasPorts(ip: IpHeader): ip is IpHeader & { protocol: "tcp" | "udp" } {
  return ip.protocol === "tcp" || ip.protocol === "udp";
}
