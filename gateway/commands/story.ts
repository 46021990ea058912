import type { ByteString } from "../model/bytes.ts";
import { escapeText, showable } from "../model/bytes.ts";
import type { Change } from "../model/capture.ts";
import type { EndReason } from "../model/end-reason.ts";
import { showEndpoint } from "../model/endpoint.ts";
import { microsAt } from "../model/timestamps.ts";
import type { LateFactRead } from "../evidence/late-facts.ts";
import type { Observation } from "../evidence/observation.ts";
import type { RecordingRead } from "../evidence/read.ts";
import type { FoundRecording } from "../index/find-recording.ts";
import { absoluteTime, bytes, count, cut, relativeTime, span } from "./human.ts";
import { networkLines } from "./network-story.ts";

/** All that is known of one session. */
export interface SessionWhole extends RecordingRead {
  readonly recording: FoundRecording;
  /** Of the sandbox it was in; absent while that was not captured. */
  readonly stayed?: Stayed;
  /** What its sandbox tried on the network when it was over, as far as that is known by now. */
  readonly unattended: readonly LateFactRead[];
}

/** What changed in a sandbox while a session was in it. */
export interface Stayed {
  readonly sandbox: string;
  readonly takenAt: string;
  /** Sessions that had been in the sandbox by then. */
  readonly sessions: readonly string[];
  readonly changes: readonly Change[];
  /** The list of changes was cut at the policy's bound. */
  readonly cut: boolean;
}

/** Lines of one section; what is more is in the JSON. */
const MOST_ATTEMPTS = 20;
const MOST_DEEDS = 500;
const MOST_FILES = 200;

/** A session as a person reads it: who, how they got in, what they did and tried, what stayed, how it ended. */
export function tellStory(session: SessionWhole, now: number): string {
  const sections = [
    who(session, now),
    gotIn(session),
    did(session),
    triedOnNetwork(session),
    triedUnattended(session),
    whatStayed(session),
    ended(session),
  ];
  return `${sections
    .filter((section) => section.length > 0)
    .map((section) => section.join("\n"))
    .join("\n\n")}\n`;
}

function who({ evidence, recording }: SessionWhole, now: number): string[] {
  const { opened, clientVersion, hassh } = evidence.summary;
  if (opened === undefined) return [`Session ${recording.session}: its recording does not say who it was.`];
  const started = microsAt(opened.startedAt, 0n);
  return [
    `Session ${recording.session}, ${absoluteTime(started)} UTC (${relativeTime(started, now)})`,
    `  from    ${escapeText(showEndpoint(opened.source))} to ${escapeText(showEndpoint(opened.listener))}, sensor ${escapeText(opened.sensor)}, persona ${escapeText(opened.persona)}`,
    `  client  ${clientVersion === undefined ? "said nothing" : showable(clientVersion)}${hassh === undefined ? "" : `, HASSH ${escapeText(hassh)}`}`,
  ];
}

function gotIn({ evidence }: SessionWhole): string[] {
  const attempts = evidence.observations.filter((one) => one.kind === "tried" && one.method !== "none");
  const shown = attempts.length <= MOST_ATTEMPTS ? attempts : attempts.slice(-MOST_ATTEMPTS);
  const { loggedIn, sandbox } = evidence.summary;
  const heading = loggedIn
    ? `They got in at attempt ${attempts.length}`
    : attempts.length === 0
      ? "They did not try to log in"
      : `They did not get in (${count(attempts.length, "attempt")})`;
  return [
    heading,
    ...(shown.length < attempts.length
      ? [`  … ${count(attempts.length - shown.length, "earlier attempt")} (--json has them)`]
      : []),
    ...shown.map((one) => `  ${time(one)}  ${attempt(one)}`),
    ...(sandbox === undefined
      ? []
      : [`  into sandbox ${escapeText(sandbox.sandbox)}, ${STATE_WORDS[sandbox.state]}`]),
  ];
}

const STATE_WORDS = {
  new: "new for them",
  returning: "their own from before",
  shared: "with other sessions of theirs in it",
} as const;

function attempt(one: Observation): string {
  if (one.kind !== "tried") return "";
  const secret =
    one.key === undefined
      ? showable(one.password ?? ("" as ByteString))
      : `key ${showable(one.key.algorithm)} ${escapeText(one.key.fingerprintSha256)}`;
  const answer =
    one.outcome === undefined ? "no answer" : one.outcome === "key-acceptable" ? "would do" : one.outcome;
  const by =
    one.by === undefined
      ? ""
      : ` by ${one.by}${one.rule === undefined || one.rule === one.by ? "" : ` (${escapeText(one.rule)})`}`;
  const method = one.method === "password" || one.key !== undefined ? "" : ` [${one.method}]`;
  return `${cut(showable(one.user), 60)} / ${cut(secret, 100)}${method}  ${answer}${by}`;
}

function did({ evidence, recording }: SessionWhole): string[] {
  const deeds = evidence.observations.flatMap((one) => {
    const said = deed(one);
    return said === undefined ? [] : [`  ${time(one)}  ${said}`];
  });
  if (deeds.length === 0) return evidence.summary.loggedIn ? ["They did nothing"] : [];
  const more = deeds.length - MOST_DEEDS + evidence.leftOut;
  return [
    recording.live ? "What they did so far" : "What they did",
    ...deeds.slice(0, MOST_DEEDS),
    ...(more > 0 ? [`  … ${more} more (--json, or mitsubako play ${recording.session})`] : []),
  ];
}

/** One line for what an observation tells, or nothing if it is told elsewhere. */
function deed(one: Observation): string | undefined {
  switch (one.kind) {
    case "command":
      return `[${one.channel}] ${one.way === "exec" ? "exec" : one.exact ? "$" : "$~"} ${showable(one.text)}`;
    case "typed":
      return `[${one.channel}] typed into a program: ${showable(one.text)}`;
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
    case "network":
    case "session-ended":
      return undefined;
    default:
      return one satisfies never;
  }
}

function triedOnNetwork({ evidence }: SessionWhole): string[] {
  const lines = networkLines(evidence.observations.filter((one) => one.kind === "network"));
  return lines.length === 0 ? [] : ["What was tried on the network", ...lines];
}

/** A program that they left running. */
function triedUnattended({ unattended }: SessionWhole): string[] {
  const lines = networkLines(unattended.map(({ fact }) => fact));
  const last = unattended.at(-1);
  return last === undefined
    ? []
    : [`What was tried on the network after they left, until ${absoluteTime(last.at)} UTC`, ...lines];
}

function whatStayed({ stayed, evidence, recording }: SessionWhole): string[] {
  if (stayed === undefined)
    return evidence.summary.sandbox === undefined || recording.live
      ? []
      : ["What stayed", "  not known yet: the sandbox is captured when they leave it"];
  const files = stayed.changes.filter(({ type }) => type !== "directory");
  return [
    `What stayed in sandbox ${stayed.sandbox}, seen ${stayed.takenAt.slice(0, 19).replace("T", " ")} UTC`,
    ...files.slice(0, MOST_FILES).map((change) => `  ${changeLine(change)}`),
    ...(files.length > MOST_FILES
      ? [`  … ${files.length - MOST_FILES} more (mitsubako files --session ${recording.session})`]
      : []),
    ...(stayed.cut ? ["  … more changes than the policy lets be listed"] : []),
    ...(files.length === 0 ? ["  nothing new"] : []),
  ];
}

export function changeLine(change: Change): string {
  const path = showable(change.path as ByteString);
  const link = change.linkTarget === undefined ? "" : ` → ${showable(change.linkTarget as ByteString)}`;
  const size = change.size === undefined || change.type !== "file" ? "" : `, ${bytes(change.size)}`;
  const kept =
    change.sha256 !== undefined
      ? `, sha256 ${change.sha256}`
      : change.leftOut === undefined
        ? ""
        : `, not kept: ${change.leftOut}`;
  return `${change.kind} ${path}${link}${size}${kept}`;
}

function ended({ evidence, recording, state, damage }: SessionWhole): string[] {
  const { duration, received, sent, endReason } = evidence.summary;
  const traffic = `${bytes(received)} from them, ${bytes(sent)} to them`;
  const lasted = span(Number(duration) / 1e9);
  if (recording.live) return [`It still lives: ${traffic} so far. Recording ${recording.path}`];
  const how =
    state === "damaged"
      ? `The recording is damaged: ${escapeText(damage?.reason ?? "")}`
      : endReason === undefined
        ? "Cut off: the gateway did not see its end"
        : `Ended after ${lasted}: ${END_WORDS[endReason]}`;
  const detail = evidence.observations.find((one) => one.kind === "session-ended")?.detail;
  return [
    `${how}${detail === undefined ? "" : ` (${escapeText(detail)})`}`,
    `  ${traffic}; recording ${recording.path}`,
  ];
}

const END_WORDS = {
  "client-closed": "they closed the connection",
  "sandbox-closed": "the sandbox closed it, as after logout",
  "protocol-error": "what they sent was not SSH",
  "login-grace": "they took too long to log in",
  "too-many-attempts": "too many attempts",
  "refused-start": "refused, too many connections were starting",
  "no-sandbox": "no sandbox could be had",
  "session-deadline": "the session's time was over",
  "idle-deadline": "nothing came for too long",
  "sandbox-deadline": "the sandbox's time was over",
  flood: "they asked for too much at once",
  "recording-full": "its recording reached the policy's bound",
  "disk-floor": "the disk was nearly full, and their sandbox held most of it",
  "recording-failed": "it could not be recorded",
  "internal-error": "a defect of ours",
  drain: "the gateway was stopped",
} as const satisfies Record<EndReason, string>;

function time({ at }: { readonly at: bigint }): string {
  return `+${(Number(at) / 1e9).toFixed(3)} s`.padStart(12);
}
