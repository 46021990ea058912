import type { Answer } from "./ask.ts";

/** What gives a sandbox away wherever it is read, in whatever output. */
export const WORDS: readonly RegExp[] = [
  /docker/i,
  // Of a gateway's sshd, in ps: a stock one has 10-100.
  /of 500-1000 startups/,
  /overlay/i,
  /lxcfs/i,
  /lxc/i,
  /containerd/i,
  /container=/i,
  /moby/i,
  /mitsubako/i,
  /\bmbk/i,
  /02:42:/,
  /kubepods/i,
  /runc\b/i,
  /buildkit/i,
  /podman/i,
  /\bsandbox\b/i,
  /honey/i,
  /upperdir/i,
  /100000/,
  // Paths, tools and runtimes of containers, and this machine's own names for a sandbox's parts.
  /\/var\/lib\/(containers|kubelet|lxd)/i,
  /gvisor|runsc|sysbox|kata-|cri-o|\bcrun\b/i,
  /\bveth/i,
  /userns-remap|dockremap/i,
  /init\.scope\/|libpod|\.slice\/cri/i,
  /cowrie|kippo|t-?pot\b/i,
  /WAIT_FOR_DEV/,
  /TrustedUserCAKeys \/etc/,
  /ED25519-CERT/,
  /\bip-10-\d+-\d+-\d+/,
  /zone\d+\.internal/,
];

export interface Difference {
  readonly command: string;
  readonly plain: Answer;
  readonly sandbox: Answer;
}

export interface Found {
  readonly command: string;
  readonly word: string;
}

/** Commands that were answered otherwise, once what may differ between two machines or two moments is levelled. */
export function differences(
  commands: readonly string[],
  plain: readonly Answer[],
  sandbox: readonly Answer[],
): readonly Difference[] {
  return commands.flatMap((command, at) => {
    const [its, ours] = [plain[at], sandbox[at]];
    if (!its || !ours) throw new Error(`not answered: ${command}`);
    return its.code === ours.code && levelled(its.text) === levelled(ours.text)
      ? []
      : [{ command, plain: its, sandbox: ours }];
  });
}

/** Whatever a sandbox says of these, whether the plain machine says so too or not: both have the image's files. */
export function wordsFound(commands: readonly string[], sandbox: readonly Answer[]): readonly Found[] {
  return commands.flatMap((command, at) =>
    WORDS.filter((word) => word.test(sandbox[at]?.text ?? "")).map((word) => ({
      command,
      word: word.source,
    })),
  );
}

/** Dates, times, numbers of processes, sizes that move: two machines never agree on these. */
function levelled(text: string): string {
  return text
    .replaceAll(/\r/g, "")
    .replaceAll(
      /\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun)\b[^\n]{0,8}\b(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\b/g,
      "DAY",
    )
    .replaceAll(/\b(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) +\d+ +(\d\d:\d\d|\d{4})/g, "DATE")
    .replaceAll(/\d{4}-\d\d-\d\d/g, "DATE")
    .replaceAll(/\d+:\d\d(:\d\d)?/g, "TIME")
    .replaceAll(/\/\d+\//g, "/PID/")
    .replaceAll(/\[\d+\]/g, "[N]")
    .replaceAll(/after \d+ ms/g, "after N ms")
    .replaceAll(/\b[0-9a-f]{2}(:[0-9a-f]{2}){5}\b/g, "MAC")
    .replaceAll(/\b\d+\.\d+\b/g, "N.N")
    .replaceAll(/\b\d{3,}\b/g, "N")
    .replaceAll(/[ \t]+/g, " ")
    .trim();
}
