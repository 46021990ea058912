import { constants } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import { X509Certificate } from "node:crypto";
import { MitsubakoError } from "../model/errors.ts";
import type { CourierConfiguration } from "../model/courier-messages.ts";
import type { Policy } from "../model/policy.ts";
import { isLoopbackHost } from "../model/policy-webhook.ts";
import { CONFINED_ROOT } from "./confine.ts";

export type WebhookPolicy = NonNullable<Policy["events"]["webhook"]>;

/** What a courier is told, and where its connections lead. */
export interface CourierTask {
  readonly configuration: CourierConfiguration;
  readonly receiver: Receiver;
  /** Milliseconds. */
  readonly timeout: number;
}

export interface Receiver {
  /** A name or an address. */
  readonly host: string;
  readonly port: number;
  /** What is sent there may not leave this machine. */
  readonly onlyLoopback: boolean;
}

const LARGEST_FILE = 256 * 1024;
const MOST_HEADERS = 50;

/**
 * Reads what the policy only names: headers, which are secrets, and certificates.
 *
 * @throws MitsubakoError `webhook-unusable`.
 */
export async function courierTask(
  webhook: WebhookPolicy,
  about: { readonly sensor: string; readonly uuid: string },
): Promise<CourierTask> {
  const { url, headersFile, caFile, format, batch, timeout, retry } = webhook;
  return {
    configuration: {
      ...about,
      folders: { spool: `${CONFINED_ROOT}/spool`, courier: `${CONFINED_ROOT}/cursor` },
      url,
      headers: headersFile === undefined ? [] : parseHeaders(await readFile(headersFile, true), headersFile),
      ca: caFile === undefined ? undefined : certificates(await readFile(caFile, false), caFile),
      ...{ format, batch, timeout, retry },
    },
    receiver: receiverOf(webhook),
    timeout,
  };
}

export function receiverOf({ url, plaintext }: Pick<WebhookPolicy, "url" | "plaintext">): Receiver {
  const { protocol, hostname, port } = new URL(url);
  const isPlain = protocol === "http:";
  return {
    host: hostname.replace(/^\[|\]$/g, ""),
    port: port === "" ? (isPlain ? 80 : 443) : Number(port),
    // A name of this machine must not be made one of another's by whoever answers for names.
    onlyLoopback: isPlain && !plaintext && isLoopbackHost(hostname),
  };
}

async function readFile(path: string, isSecret: boolean): Promise<string> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stat = await handle.stat();
    if (!stat.isFile()) throw new Error("it is no file");
    if (stat.size > LARGEST_FILE) throw new Error("it is too large");
    if (isSecret && (stat.uid !== 0 || (stat.mode & 0o077) !== 0))
      throw new MitsubakoError(
        "webhook-unusable",
        `The headers of the webhook in ${path} can be read by others than root.`,
        { remedy: `chown root ${path} && chmod 600 ${path}` },
      );
    return await handle.readFile("latin1");
  } catch (cause) {
    if (cause instanceof MitsubakoError) throw cause;
    throw unusable(path, cause instanceof Error ? cause.message : String(cause));
  } finally {
    await handle?.close();
  }
}

/** `Name: value` lines; empty ones, and those that begin with `#`, say nothing. */
export function parseHeaders(text: string, path: string): (readonly [string, string])[] {
  const headers = new Map<string, string>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    const [, name = "", value = ""] = HEADER.exec(line) ?? [];
    const key = name.toLowerCase();
    // The value is a secret: it is never part of what is said.
    if (key === "") throw unusable(path, `line ${index + 1} is no "Name: value"`);
    if (OURS.has(key)) throw unusable(path, `line ${index + 1} sets ${name}, which the gateway sets`);
    if (headers.has(key)) throw unusable(path, `line ${index + 1} sets ${name} again`);
    headers.set(key, value);
  }
  if (headers.size > MOST_HEADERS) throw unusable(path, `it holds more than ${MOST_HEADERS} headers`);
  return [...headers];
}

const HEADER = /^([!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*$/;
const OURS: ReadonlySet<string> = new Set([
  ...["host", "connection", "content-length", "content-type", "transfer-encoding"],
  ...["expect", "upgrade", "te", "trailer", "keep-alive", "proxy-connection"],
]);

function certificates(pem: string, path: string): string {
  const found = pem.match(/-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/g) ?? [];
  try {
    for (const certificate of found) new X509Certificate(certificate);
  } catch {
    throw unusable(path, "one of its certificates cannot be read");
  }
  if (found.length === 0) throw unusable(path, "it holds no PEM certificate");
  return found.join("\n");
}

function unusable(path: string, why: string): MitsubakoError {
  return new MitsubakoError("webhook-unusable", `The file ${path} of the webhook cannot be used: ${why}.`, {
    remedy: "Put it right, or take it out of the policy (events.webhook).",
  });
}
