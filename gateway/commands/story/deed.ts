import type { Observation } from "../../evidence/observation.ts";
import { showable, type ByteString } from "../../model/bytes.ts";
import { bytes, cut } from "../human.ts";

/** Commands that failed, with their exit status, by `commandKey`. */
export type Failures = ReadonlyMap<string, number>;

export function failuresIn(observations: readonly Observation[]): Failures {
  return new Map(
    observations.flatMap((one) =>
      one.kind === "command-ended" && one.exitStatus !== undefined && one.exitStatus !== 0
        ? [[commandKey(one), one.exitStatus] as const]
        : [],
    ),
  );
}

function commandKey({ channel, number }: { readonly channel: number; readonly number: number }): string {
  return `${channel} ${number}`;
}

/** A command of several lines in one. */
function linesOf(text: ByteString): string {
  const lines = text.replace(/\n+$/, "").split("\n");
  return lines.map((line) => showable(line as ByteString)).join(" ⏎ ");
}

/** One line for what an observation tells, or nothing if it is told elsewhere. */
export function deed(one: Observation, failures: Failures): string | undefined {
  switch (one.kind) {
    case "command": {
      if (one.way === "exec") return `[${one.channel}] exec ${linesOf(one.text)}`;
      const where = one.directory === undefined ? "" : `${cut(showable(one.directory), 40)} `;
      const status = failures.get(commandKey(one));
      const failed = status === undefined ? "" : `  (exit status ${status})`;
      return `[${one.channel}] ${where}${one.exact ? "$" : "$~"} ${linesOf(one.text)}${failed}`;
    }
    case "typed":
      return `[${one.channel}] typed ${one.hidden === true ? "unseen" : "into a program"}: ${showable(one.text)}`;
    case "terminal":
      return one.change === "opened"
        ? `[${one.channel}] terminal ${one.columns}×${one.rows}${one.term === undefined ? "" : ` ${showable(one.term)}`}`
        : undefined;
    case "variable":
      return `[${one.channel}] environment ${showable(one.name)}=${showable(one.value)}`;
    case "subsystem":
      return `[${one.channel}] subsystem ${showable(one.name)}`;
    case "transfer":
      return `[${one.channel}] ${one.direction} by ${one.protocol}: ${showable(one.path as ByteString)}, ${bytes(one.size)}${one.whole ? "" : ", not whole"}${one.sha256 === undefined ? "" : `, sha256 ${one.sha256}`}`;
    case "dropped":
      return `[${one.channel}] ${one.certainty === "written" ? "wrote" : "typed, not seen to be written:"} ${showable(one.path)} by shell (${one.way}${one.decoded === undefined ? "" : `, ${one.decoded}`}), ${bytes(one.size)}${one.sha256 === undefined ? ", not known in full" : `, sha256 ${one.sha256}`}`;
    case "file-operation":
      return `[${one.channel}] ${one.operation} ${showable(one.path as ByteString)}${one.to === undefined ? "" : ` → ${showable(one.to as ByteString)}`}${one.done ? "" : " (refused)"}`;
    case "forward":
      return `[${one.channel}] forward asked to ${showable(one.host)}:${one.port}`;
    case "forward-data":
      return `[${one.channel}] sent ${bytes(one.size)} to ${showable(one.host)}:${one.port}: ${cut(showable(one.data), 80)}`;
    case "listen":
      return `asked the sandbox to listen on ${showable(one.host)}:${one.port}`;
    case "unreadable":
      return `sent a packet of type ${one.messageNumber} that is none`;
    case "channel-closed":
      if (one.exitSignal !== undefined) return `[${one.channel}] killed by ${showable(one.exitSignal)}`;
      return one.exitStatus === undefined || one.exitStatus === 0
        ? undefined
        : `[${one.channel}] exit status ${one.exitStatus}`;
    case "session-opened":
    case "client-version":
    case "key-exchange":
    case "key-offered":
    case "tried":
    case "sandbox-leased":
    case "logged-in":
    case "channel-opened":
    case "command-ended":
    case "network":
    case "process":
    case "file":
    case "session-ended":
      return undefined;
    default:
      return one satisfies never;
  }
}
