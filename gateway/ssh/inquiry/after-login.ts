import { buildGlobalRequest, parseGlobal } from "../messages/global.ts";
import { MSG } from "../messages/numbers.ts";
import { Reader } from "../messages/reader.ts";
import type { Transport } from "../transport/transport.ts";

/** Who says more than this unasked is not an sshd. */
const MOST = 64;
const LONGEST = 200;

/**
 * What a server says after a login before it is asked for anything: a line for each message. It is all that comes before the answer to a request
 * that every server answers.
 *
 * @throws Error when the connection ends first.
 */
export async function hearAfterLogin(transport: Transport, signal: AbortSignal): Promise<string[]> {
  const heard: string[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<undefined>();
  const say = (line: string) => {
    if (heard.length < MOST) heard.push(line);
  };
  transport.attach({
    payload: (payload) => {
      const type = payload[0] ?? 0;
      if (type === MSG.REQUEST_SUCCESS || type === MSG.REQUEST_FAILURE) resolve(undefined);
      else say(described(payload));
    },
    debug: (payload) => {
      say(`debug ${printable(new Reader(payload, 2).text())}`);
    },
  });
  void transport.closed.then(() => {
    reject(signal.aborted ? signal.reason : new Error("it ended the connection after the login"));
  });
  transport.send(buildGlobalRequest("keepalive@openssh.com", true));
  try {
    await promise;
  } finally {
    transport.attach(null);
  }
  return heard;
}

function described(payload: Buffer): string {
  if (payload[0] !== MSG.GLOBAL_REQUEST) return `message ${payload[0] ?? 0}`;
  const message = parseGlobal(payload);
  return message.kind === "global-request"
    ? `global-request ${printable(message.name)}`
    : "global-request, malformed";
}

function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, "?").slice(0, LONGEST);
}
