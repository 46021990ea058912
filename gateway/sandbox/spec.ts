import type { ContainerCreateOptions } from "dockerode";
import type { SandboxId } from "../model/ids.ts";
import type { Persona } from "../model/persona.ts";
import type { Policy } from "../model/policy.ts";
import type { EngineFacts } from "./engine-facts.ts";
import { containerName, networkName, sandboxLabels } from "./labels.ts";
import { fitLimits } from "./limits.ts";
import { SECCOMP_PROFILE } from "./seccomp.ts";

export interface SpecInput {
  readonly slot: number;
  readonly id: SandboxId;
  readonly sandbox: Policy["sandbox"];
  readonly persona: Pick<Persona, "image" | "hostname">;
  readonly facts: EngineFacts;
  /** On the slot's network. */
  readonly address: string;
  /** The bridge's own address. */
  readonly gateway: string;
  /** Whether its first process has to wait until it is dressed (disguise.ts). */
  readonly isDressed: boolean;
}

/**
 * The least that password logins, ptys, sftp, su, sudo and passwd of a real sshd need: without AUDIT_WRITE every pty
 * dies, without CHOWN one that is not root's (tried). NET_BIND_SERVICE is for ports 22 and 80, in the sandbox's own network
 * alone; without it these ports would have to be everybody's.
 */
const USER_CAPABILITIES = ["SETUID", "SETGID", "SYS_CHROOT", "CHOWN", "AUDIT_WRITE", "NET_BIND_SERVICE"];
/** What a root who looks around expects on top. Never NET_RAW, MKNOD, SETPCAP. */
const ROOT_CAPABILITIES = [...USER_CAPABILITIES, "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETFCAP"];

const MOST_SHM = 64 * 2 ** 20;

/**
 * The container of one sandbox, as the engine is asked for it. Pure. `no-new-privileges` is not set: su, sudo and
 * passwd would break. Nothing of the host is mounted.
 */
export function containerSpec(input: SpecInput): ContainerCreateOptions {
  const { slot, id, sandbox, persona, facts, address, gateway } = input;
  const network = networkName(slot);
  const mac = macAddress(id);
  const { limits } = fitLimits(sandbox, facts);
  return {
    name: containerName(address),
    Image: persona.image,
    Hostname: persona.hostname,
    Labels: sandboxLabels(slot, id),
    ...(input.isDressed ? { Env: ["WAIT_FOR_DEV=1"] } : {}),
    StopSignal: "SIGKILL",
    MacAddress: mac,
    NetworkingConfig: {
      // Newer engines want the MAC address here, older ones above.
      EndpointsConfig: { [network]: { IPAMConfig: { IPv4Address: address }, MacAddress: mac } },
    },
    HostConfig: {
      NetworkMode: network,
      // Never the host's resolvers: the engine would ask them on the sandbox's behalf, past the firewall.
      Dns: [gateway],
      DnsOptions: [],
      DnsSearch: [],
      CapDrop: ["ALL"],
      CapAdd: sandbox.capabilities === "root" ? ROOT_CAPABILITIES : USER_CAPABILITIES,
      SecurityOpt: [`seccomp=${SECCOMP_PROFILE}`],
      Privileged: false,
      Init: false,
      IpcMode: "private",
      ...(facts.privateCgroupns ? { CgroupnsMode: "private" } : {}),
      RestartPolicy: { Name: "no" },
      // A sandbox's own output would fill the host's disk.
      LogConfig: { Type: "none", Config: {} },
      Sysctls: {
        // ping works without NET_RAW then: the kernel makes the packets, ICMP echo and nothing else.
        "net.ipv4.ping_group_range": "0 65535",
        // The kernel's own; the engine would open the ports below it to everybody.
        "net.ipv4.ip_unprivileged_port_start": "1024",
        ...(facts.ipv6 ? { "net.ipv6.conf.all.disable_ipv6": "1" } : {}),
      },
      ShmSize: Math.min(MOST_SHM, Math.floor(sandbox.memory / 2)),
      Ulimits: [
        { Name: "nofile", Soft: sandbox.nofile, Hard: sandbox.nofile },
        ...(sandbox.nproc === undefined ? [] : [{ Name: "nproc", Soft: sandbox.nproc, Hard: sandbox.nproc }]),
        // A dump of memory would only cost disk.
        { Name: "core", Soft: 0, Hard: 0 },
      ],
      ...limits,
    },
  };
}

/** QEMU's vendor, which most virtual servers have; 02:42 would say Docker. */
export function macAddress(id: SandboxId): string {
  return `52:54:00:${id.slice(0, 2)}:${id.slice(2, 4)}:${id.slice(4, 6)}`;
}
