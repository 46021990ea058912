import type { Socket } from "node:net";
import { unmapped, type Endpoint } from "../model/endpoint.ts";
import type { FrontConfiguration, SessionTerms } from "../model/front-messages.ts";
import type { SessionId } from "../model/ids.ts";
import type { Machine } from "../model/persona.ts";
import { startRelay, type RelayEnd } from "../ssh/relay/relay.ts";
import type { HostKey } from "../ssh/transport/host-key.ts";
import { serveTransport } from "../ssh/transport/serve.ts";
import type { NoLoginCause } from "../ssh/userauth/attempt.ts";
import { serveUserauth } from "../ssh/userauth/serve.ts";
import { Authenticator } from "./authenticator.ts";
import { Deadlines } from "./deadlines.ts";
import { Ending } from "./ending.ts";
import { LiveSession } from "./live-session.ts";
import { openSessionRecording, type SessionRecording } from "./session-recording.ts";
import { reasonFor, reasonOfEnd } from "./reasons.ts";
import { UpstreamLeg } from "./upstream-leg.ts";
import type { WardenLink } from "./warden-link.ts";

/** What all sessions of a front share. The first two are others after a change of the policy. */
export interface Front {
  configuration: FrontConfiguration;
  /** By their ids. */
  machines: ReadonlyMap<string, PlayedMachine>;
  readonly warden: WardenLink;
  readonly live: Map<SessionId, LiveSession>;
}

export interface PlayedMachine extends Machine {
  /** Whom its sandboxes' sshd trusts to certify keys: its Ed25519 host key. */
  readonly authority: HostKey;
}

/**
 * One session's whole life, from accept to teardown.
 *
 * The warden admits the connection and names the session; its recording is open before a byte is said; the transport is
 * served; each attempt is recorded, judged, and answered; then payloads are relayed between the attacker and the sandbox's
 * sshd, each written down before it is passed on. Whatever ends first is the session's end reason.
 */
export async function runSession(socket: Socket, front: Front): Promise<void> {
  socket.allowHalfOpen = true; // a client that said no more may still hear us
  const ends = endpointsOf(socket);
  if (!ends) return void socket.destroy(); // gone before we looked
  const admission = await front.warden.ask({ kind: "admit", ...ends });
  if (!admission.admitted) {
    turnAway(socket);
    return;
  }

  const { session, terms } = admission;
  const machine = front.machines.get(terms.machine);
  const ending = new Ending();
  try {
    // The warden tells of a machine before it sends somebody there.
    if (machine === undefined) throw new Error(`nobody has told of the machine ${terms.machine}`);
    const { persona } = machine;
    const recording = openSessionRecording(
      front.configuration,
      { session, ...ends, persona: persona.name, terms },
      ending,
    );
    const live = new LiveSession(ending, recording);
    front.live.set(session, live);
    let wasIn = false;
    try {
      wasIn = await livesThrough(
        socket,
        { session, source: ends.source, terms, machine, live },
        recording,
        ending,
        front.warden,
      );
    } catch (error) {
      ending.end(...reasonFor(error));
    } finally {
      socket.destroy();
      if (wasIn) await settled(session, front.warden);
      await recording.end(ending.fact);
    }
  } catch (error) {
    ending.end(...reasonFor(error)); // the recording itself could not be opened or closed
    socket.destroy();
  } finally {
    front.live.delete(session);
    front.warden.tell({ kind: "ended", session, reason: ending.fact.reason });
  }
}

/** What the sandbox did last is told before this resolves; what the warden could not tell in time is kept beside the recording. */
async function settled(session: SessionId, warden: WardenLink): Promise<void> {
  try {
    await warden.ask({ kind: "settle", session });
  } catch {
    // The warden has said why.
  }
}

/** Whether it was let in. */
async function livesThrough(
  socket: Socket,
  {
    session,
    source,
    terms,
    machine: { persona, hostKeys, authority },
    live,
  }: {
    session: SessionId;
    source: Endpoint;
    terms: SessionTerms;
    machine: PlayedMachine;
    live: LiveSession;
  },
  recording: SessionRecording,
  ending: Ending,
  warden: WardenLink,
): Promise<boolean> {
  using deadlines = new Deadlines(terms.deadlines, ending);
  live.clock = deadlines;

  using leg = new UpstreamLeg(hostKeys, ending.signal);
  const downstream = await serveTransport(socket, {
    identification: persona.identification,
    hostKeys,
    offer: persona.offer,
    ...(persona.moduli === undefined ? {} : { moduli: persona.moduli }),
    withheld: persona.withheld,
    extensions: persona.extensions,
    strict: false, // unless the persona's own offer says so
    signal: ending.signal,
    observer: {
      clientVersion: (line) => {
        recording.clientVersion(line);
        leg.identification = identificationFor(line);
        void foresee(session, warden, leg);
      },
      keyExchange: (offer, agreed, hassh) => {
        recording.keyExchange(offer, agreed, hassh);
      },
    },
  });

  const authenticator = new Authenticator({
    session,
    address: source.address,
    authority,
    warden,
    recording,
    leg,
    ending,
  });
  const banner = terms.banner ?? persona.banner;
  const result = await serveUserauth(downstream, {
    methods: terms.methods ?? persona.methods,
    maxTries: terms.maxTries,
    signatureAlgorithms: persona.signatureAlgorithms,
    hostKeys,
    ...(banner === undefined ? {} : { banner }),
    signal: ending.signal,
    decide: (attempt) => authenticator.decide(attempt),
  });
  if (result.kind === "no-login") {
    endWithoutLogin(result.cause, ending);
    await downstream.closed; // what it was told last must reach it
    return false;
  }

  deadlines.loggedIn();
  const upstream = authenticator.upstream;
  if (!upstream) throw new Error("a login was accepted without a leg to a sandbox");
  const relay = startRelay({
    downstream,
    upstream,
    tap: recording.tap(),
    hostKeys,
    bounds: terms.limits,
    onLocalReply: (request) => {
      recording.fact({ kind: "local-reply", request });
    },
    onEnd: (end) => {
      endOfRelay(end, ending);
    },
  });
  deadlines.watchIdle(() => relay.activity);
  ending.signal.addEventListener("abort", () => {
    relay.close();
  });
  if (ending.over) relay.close();
  await relay.ended;
  return true;
}

/** OpenSSH's words and behaviour when MaxStartups is exceeded (sshd.c, drop_connection). */
function turnAway(socket: Socket): void {
  socket.end("Exceeded MaxStartups\r\n");
  setTimeout(() => socket.destroy(), 1000).unref();
}

function endpointsOf(socket: Socket): { source: Endpoint; listener: Endpoint } | undefined {
  const { remoteAddress, remotePort, localAddress, localPort } = socket;
  if (remoteAddress === undefined || remotePort === undefined) return undefined;
  if (localAddress === undefined || localPort === undefined) return undefined;
  return {
    source: { address: unmapped(remoteAddress), port: remotePort },
    listener: { address: unmapped(localAddress), port: localPort },
  };
}

/** A source that has a sandbox will most likely be led there: the upstream leg's key exchange runs beside this one. */
async function foresee(session: SessionId, warden: WardenLink, leg: UpstreamLeg): Promise<void> {
  try {
    const { way } = await warden.ask({ kind: "foresee", session });
    if (way) await leg.reach(way);
  } catch {
    // It was for speed only. Whoever needs the leg asks again and is told what is in the way.
  }
}

function identificationFor(clientLine: Buffer): string {
  const line = clientLine.toString("latin1");
  return /^SSH-2\.0-[\x20-\x7e]{1,200}$/.test(line) ? line : "SSH-2.0-OpenSSH_9.2p1";
}

function endWithoutLogin(cause: NoLoginCause, ending: Ending): void {
  switch (cause.kind) {
    case "client":
      ending.end(...reasonOfEnd(cause.end));
      break;
    case "too-many-attempts":
      ending.end("too-many-attempts");
      break;
    case "protocol-error":
      ending.end("protocol-error", { detail: cause.message });
      break;
    case "failed":
      ending.end(...reasonFor(cause.error));
      break;
    case "decided": // whoever decided to close has said why
    case "aborted":
      break;
    default:
      cause satisfies never;
  }
}

function endOfRelay(end: RelayEnd, ending: Ending): void {
  switch (end.kind) {
    case "client":
      ending.end(...reasonOfEnd(end.end));
      break;
    case "upstream":
      ending.end("sandbox-closed");
      break;
    case "tap-failed":
      ending.end(...reasonFor(end.error));
      break;
    case "flood":
      ending.end("flood");
      break;
    case "closed": // an end reason was there first
      break;
    default:
      end satisfies never;
  }
}
