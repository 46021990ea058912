import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { CourierConfiguration } from "../model/courier-messages.ts";
import { retryAfterOf } from "./pause.ts";
import { secured } from "./secured.ts";

export type Outcome =
  | { readonly kind: "taken" }
  /** The body is too large for it (413). */
  | { readonly kind: "too-large" }
  | { readonly kind: "failed"; readonly why: string; readonly retryAfter?: number };

/** Of an answer's body, which nobody reads: bytes and milliseconds that are waited for its end. */
const MOST_ANSWER = 65_536;
const LONGEST_ANSWER = 2000;

/**
 * Sends one request, on a connection of its own, and says what became of it. A redirect is not followed: it could lead anywhere. The
 * answer's body is not looked at. Never throws.
 *
 * @param open a connection to the receiver.
 */
export async function post(
  configuration: CourierConfiguration,
  body: Buffer,
  open: (signal: AbortSignal) => Promise<Socket>,
): Promise<Outcome> {
  const signal = AbortSignal.timeout(configuration.timeout);
  let connection: Duplex | undefined;
  try {
    connection = await secured(configuration, await open(signal), signal);
    const answer = await answerTo(configuration, body, connection, signal);
    await endOf(answer);
    return outcomeOf(answer);
  } catch (error) {
    const why = signal.aborted
      ? `no answer within ${configuration.timeout} ms`
      : error instanceof Error
        ? error.message
        : String(error);
    return { kind: "failed", why };
  } finally {
    connection?.destroy();
  }
}

async function answerTo(
  { url, headers, format }: CourierConfiguration,
  body: Buffer,
  connection: Duplex,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const { host, pathname, search } = new URL(url);
  const sent = request({
    method: "POST",
    path: `${pathname}${search}`,
    createConnection: () => connection,
    setHost: false,
    signal,
    headers: {
      "user-agent": "Mitsubako",
      ...Object.fromEntries(headers),
      host,
      connection: "close",
      "content-type": format === "json-lines" ? "application/x-ndjson" : "application/json",
      "content-length": body.length,
    },
  });
  sent.on("error", () => undefined);
  sent.end(body);
  const [answer] = (await once(sent, "response")) as [IncomingMessage];
  return answer;
}

/** Resolves when the body has ended, in whatever way, or is not worth waiting for. */
function endOf(answer: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    let bytes = 0;
    const timer = setTimeout(resolve, LONGEST_ANSWER);
    answer.on("data", (chunk: Buffer) => {
      if ((bytes += chunk.length) > MOST_ANSWER) answer.destroy();
    });
    answer.on("error", () => undefined);
    answer.on("close", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

function outcomeOf({ statusCode = 0, headers }: IncomingMessage): Outcome {
  if (statusCode >= 200 && statusCode < 300) return { kind: "taken" };
  if (statusCode === 413) return { kind: "too-large" };
  const retryAfter = retryAfterOf(headers["retry-after"], Date.now());
  const redirect = statusCode >= 300 && statusCode < 400 ? "; redirects are not followed" : "";
  return {
    kind: "failed",
    why: `it answered ${statusCode}${redirect}`,
    ...(retryAfter === undefined ? {} : { retryAfter }),
  };
}
