import { spawn } from "node:child_process";
import { MitsubakoError } from "../model/errors.ts";

export interface CommandOptions {
  /** Written to standard input. */
  readonly input?: string;
  /** Exit codes that are no failure. Default: 0 alone. */
  readonly accept?: readonly number[];
  /** Milliseconds until the program is killed. */
  readonly timeout?: number;
}

/** netfilter answers in milliseconds; ten seconds is a kernel that will not answer. */
const TIMEOUT = 10_000;
const MOST_OUTPUT = 64 * 2 ** 20;

/**
 * The administrator's programs, wherever PATH points, and messages in a language we can read.
 * Nothing else of our environment: it may hold what the operator keeps secret.
 */
export const TOOL_ENVIRONMENT = {
  PATH: "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin",
  LC_ALL: "C",
};

const PACKAGES: Readonly<Record<string, string>> = {
  nft: "nftables",
  ip: "iproute2",
  tc: "iproute2",
  iptables: "iptables",
  "iptables-save": "iptables",
  "iptables-restore": "iptables",
  "ip6tables-save": "iptables",
  "ip6tables-restore": "iptables",
  ipset: "ipset",
  conntrack: "conntrack",
  unshare: "util-linux",
  nsenter: "util-linux",
};

/**
 * Runs one of the distribution's programs and returns what it printed.
 *
 * @throws MitsubakoError `tool-missing`; `firewall-failed` with the program's own first line.
 */
export function command(
  program: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  const { input, accept = [0], timeout = TIMEOUT } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env: TOOL_ENVIRONMENT, timeout, killSignal: "SIGKILL" });
    const output: Buffer[] = [];
    const errors: Buffer[] = [];
    let length = 0;
    child.stdout.on("data", (chunk: Buffer) => {
      length += chunk.length;
      if (length <= MOST_OUTPUT) output.push(chunk);
    });
    child.stderr.on("data", (chunk: Buffer) => {
      if (errors.length < 64) errors.push(chunk);
    });
    child.once("error", (cause) => {
      reject(notRun(program, cause));
    });
    child.once("close", (code, signal) => {
      if (code !== null && accept.includes(code)) resolve(Buffer.concat(output).toString());
      else reject(failed(program, Buffer.concat(errors).toString(), signal ?? code));
    });
    // A program that ends before it has read everything says why on standard error.
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
  });
}

/** What the work gives; undefined where a program that it needs is not installed, or does not work on this kernel. */
export async function ifWorking<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof MitsubakoError) return undefined;
    throw error;
  }
}

function notRun(program: string, cause: Error): MitsubakoError {
  if ((cause as NodeJS.ErrnoException).code !== "ENOENT")
    return new MitsubakoError("firewall-failed", `${program} could not be run (${cause.message}).`, {
      cause,
    });
  return notInstalled(program, cause);
}

function notInstalled(program: string, cause: Error): MitsubakoError {
  return new MitsubakoError("tool-missing", `The program ${program} is not installed.`, {
    remedy: `Install it: apt-get install ${PACKAGES[program] ?? program}`,
    cause,
  });
}

function failed(program: string, errors: string, how: string | number | null): MitsubakoError {
  const cause = new Error(errors.trim());
  // A shell that runs several programs.
  const [, missing] = /^sh: (?:line )?(?:\d+: )?(\S+): (?:command )?not found$/m.exec(errors) ?? [];
  if (how === 127 && missing !== undefined) return notInstalled(missing, cause);
  const [first, second = ""] = errors.split("\n").filter((text) => text.trim() !== "");
  // iptables can give its own name a line of its own.
  const said = first?.endsWith(": ") ? first + second : first;
  return new MitsubakoError(
    "firewall-failed",
    `${program} failed: ${said ?? `it ended with ${how ?? "nothing"}`}`,
    { remedy: MADE_BY_NFT.test(errors) ? USE_NFT : HAVE_A_KERNEL, cause },
  );
}

/** What iptables says of tables of its own in which somebody has made, by nft, what it has no words for. */
const MADE_BY_NFT = /is incompatible, use 'nft' tool|CHAIN_ADD failed|Parsing nftables rule failed/;
const USE_NFT =
  "One of iptables' tables was changed with nft: `nft list ruleset` shows what does not belong there. With network.engine: nft and no way out, none of them is needed.";
const HAVE_A_KERNEL =
  "Run as root on a kernel with nf_tables, or with iptables and ipset; `mitsubako doctor` names what is missing.";
