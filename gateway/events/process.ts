import { asText, toByteString, type ByteString } from "../model/bytes.ts";
import { showEndpoint } from "../model/endpoint.ts";
import type { ConnectAsked, Ended, NotTold, ProcessFact, ProgramRun } from "../model/process-facts.ts";
import type { EventBody } from "./cowrie-event.ts";
import { field, maybe, type EventRows } from "./field.ts";
import { textField } from "./text-fields.ts";

const BY = {
  pid: field("integer", "as it is seen inside, like all of these"),
  uid: field("integer", "effective"),
  mitsubako_time: field("integer", "when the kernel saw it, microseconds since 1970"),
  mitsubako_errno: maybe("integer", "why it failed"),
};
const SANDBOX = { mitsubako_sandbox: maybe("string", "of late ones") };

/** Ours: what ran is not what was typed. */
export const PROCESS_EVENTS: EventRows = {
  "process.exec": {
    when: "the kernel saw a program being run in the sandbox, or failing to be, by whatever means",
    fields: {
      path: field("text"),
      args: field("text", "joined by spaces, its own name first"),
      ppid: field("integer", "0: not known"),
      ...BY,
      mitsubako_args_left_out: maybe("integer", "bytes"),
      exit_code: maybe("integer", "of one that was over at once"),
      mitsubako_signal: maybe("integer", "that ended it"),
      mitsubako_duration_us: maybe("integer"),
      ...SANDBOX,
    },
  },
  "process.connect": {
    when: "the kernel saw a connect in the sandbox: `dst_ip` and `dst_port` are where to, of `inet` and `inet6`",
    fields: {
      path: maybe("text", "of a Unix socket; an abstract name begins with a NUL"),
      ...BY,
      mitsubako_family: field("string", "`inet`, `inet6`, `unix` or a number"),
      mitsubako_count: field("integer", "how many like it"),
      ...SANDBOX,
    },
  },
  "process.more": {
    when: "more was done than is told one by one",
    fields: {
      mitsubako_runs: field("integer"),
      mitsubako_connects: field("integer"),
      mitsubako_time: field("integer", "the second's start, microseconds since 1970"),
      ...SANDBOX,
    },
  },
};

/** What the processes of a sandbox did. The SSH server's own doing is in the recording only. */
export function processEvents(fact: ProcessFact): EventBody[] {
  if (fact.did === "more") return [moreEvent(fact)];
  // Its connects are its client's: forwards.
  if (fact.server === true && fact.did !== "connect") return [];
  switch (fact.did) {
    case "run":
      return [runEvent(fact)];
    case "end":
      return [];
    case "connect":
      return [connectEvent(fact)];
    default:
      return fact satisfies never;
  }
}

function runEvent({ time, pid, uid, parent, path, argv, argvLeftOut, errno, ended }: ProgramRun): EventBody {
  const line = toByteString(Buffer.from(argv.join(" "), "latin1"));
  return {
    eventid: "cowrie.process.exec",
    message: `${errno === undefined ? "Ran" : `Could not run (error ${errno})`}: ${asText(path)}: ${asText(line)}`,
    ...textField("path", path),
    ...textField("args", line),
    pid,
    ppid: parent,
    uid,
    mitsubako_time: time,
    ...(argvLeftOut === undefined ? {} : { mitsubako_args_left_out: argvLeftOut }),
    ...(errno === undefined ? {} : { mitsubako_errno: errno }),
    ...endFields(ended),
  };
}

function endFields(ended: Ended | undefined): Partial<EventBody> {
  if (ended === undefined) return {};
  const { after, status, signal } = ended;
  return {
    mitsubako_duration_us: after,
    ...(status === undefined ? {} : { exit_code: status }),
    ...(signal === undefined ? {} : { mitsubako_signal: signal }),
  };
}

function connectEvent({ time, pid, uid, to, errno, count = 1 }: ConnectAsked): EventBody {
  const where =
    "port" in to ? showEndpoint(to) : "path" in to ? asText(printable(to.path)) : `family ${to.family}`;
  return {
    eventid: "cowrie.process.connect",
    message: `Connect${errno === undefined ? "" : ` (error ${errno})`}: ${where}`,
    ...("port" in to ? { dst_ip: to.address, dst_port: to.port } : {}),
    ...("path" in to ? textField("path", to.path) : {}),
    pid,
    uid,
    mitsubako_family: String(to.family),
    mitsubako_time: time,
    mitsubako_count: count,
    ...(errno === undefined ? {} : { mitsubako_errno: errno }),
  };
}

/** An abstract name begins with a NUL, which is shown as `@`. */
function printable(path: ByteString): ByteString {
  return path.startsWith("\0") ? (`@${path.slice(1)}` as ByteString) : path;
}

function moreEvent({ time, runs, connects }: NotTold): EventBody {
  return {
    eventid: "cowrie.process.more",
    message: `Not told one by one: ${runs} programs run, ${connects} connects`,
    mitsubako_time: time,
    mitsubako_runs: runs,
    mitsubako_connects: connects,
  };
}
