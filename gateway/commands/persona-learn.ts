import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { escapeText } from "../model/bytes.ts";
import { MitsubakoError } from "../model/errors.ts";
import { jsonText } from "../model/json.ts";
import type { Learned } from "../model/learned.ts";
import { Engine } from "../sandbox/docker.ts";
import { buildImage } from "../sandbox/image/build.ts";
import { labelsOf } from "../sandbox/image/image-labels.ts";
import { learnedSchema, unpackLearned } from "../sandbox/image/learned.ts";
import { checkedPersonaName, imageReference, LEARNED_LABEL } from "../sandbox/image/names.ts";
import { writePersonaFile } from "../sandbox/image/persona-file.ts";
import { isShipped } from "../sandbox/image/shipped.ts";
import { inquire } from "../ssh/inquiry/inquire.ts";
import { givenPath, shownPath } from "./paths.ts";
import { shortfalls } from "./persona-shortfalls.ts";
import { progressOn } from "./progress.ts";

export interface PersonaLearnOptions {
  readonly name: string;
  readonly image: string;
  readonly user?: string;
  readonly password?: string;
  readonly data: string;
  readonly json?: true;
}

/** For all that is asked. sshd's own LoginGraceTime is twice that. Milliseconds. */
const WITHIN = 60_000;

/**
 * Learns a server that the operator names, and makes its persona ready to be named in a policy. What the gateway cannot play of it is said.
 * @throws MitsubakoError `persona-unlearnable`; `bad-usage`; as `buildImage`.
 */
export async function personaLearnCommand(server: string, options: PersonaLearnOptions): Promise<number> {
  const { host, port } = parseServer(server);
  const name = checkedPersonaName(options.name);
  const image = checkedPersonaName(options.image);
  if (await isShipped(name)) throw misused(`${name} is a shipped persona.`, "Give yours another name.");
  if (!(await isShipped(image)))
    throw misused(`There is no shipped persona ${image}.`, "See sandbox-image/.");
  if (options.user !== undefined && options.password === undefined)
    throw misused("--user needs a password.", "Put it into MITSUBAKO_PERSONA_PASSWORD.");

  const learned = await learnFrom(host, port, options);
  const engine = new Engine();
  const progress = progressOn(process.stderr);
  await buildImage(engine, { persona: image, inquire, progress });
  const ofImage = unpackLearned((await labelsOf(engine, imageReference(image)))?.[LEARNED_LABEL] ?? "");
  const lacks = shortfalls(learned, ofImage, image);
  const personas = join(givenPath(options.data), "personas");
  const path = await writePersonaFile(personas, name, {
    format: 1,
    image,
    from: `${host}:${port}`,
    learnedAt: new Date().toISOString(),
    learned,
  });
  await buildImage(engine, { persona: name, personas, inquire, progress });
  process.stdout.write(told({ persona: name, path, learned, lacks }, options.json === true));
  return 0;
}

interface Made {
  readonly persona: string;
  readonly path: string;
  readonly learned: Learned;
  readonly lacks: readonly string[];
}

/** A server may have said anything. */
export function told(made: Made, json: boolean): string {
  if (json) return `${jsonText(made)}\n`;
  const { persona, path, learned, lacks } = made;
  return [
    `${escapeText(learned.identification)} is learned, as ${shownPath(path)}. In a policy: persona: { name: ${persona} }`,
    ...(lacks.length === 0 ? ["All of it can be played."] : ["What is played otherwise:"]),
    ...lacks.map((sentence) => `  - ${escapeText(sentence)}`),
    "",
  ].join("\n");
}

async function learnFrom(host: string, port: number, options: PersonaLearnOptions): Promise<Learned> {
  const signal = AbortSignal.timeout(WITHIN);
  const { user, password } = options;
  try {
    return learnedSchema.parse(
      await inquire({
        connect: () => connected(host, port, signal),
        login: user === undefined || password === undefined ? undefined : { user, password },
        signal,
      }),
    );
  } catch (cause) {
    throw new MitsubakoError(
      "persona-unlearnable",
      `The server at ${host}:${port} cannot be learned: ${escapeText(reasonOf(cause, signal))}`,
      {
        remedy:
          "Try `ssh -vv` there: it must speak SSH 2.0 with an algorithm of each kind that the gateway has.",
        cause,
      },
    );
  }
}

function reasonOf(cause: unknown, signal: AbortSignal): string {
  if (signal.aborted) return `it did not answer within ${WITHIN / 1000} s.`;
  if ((cause as { name?: unknown }).name === "ZodError")
    return "what it says of itself is none that a server has to say.";
  const text = cause instanceof Error ? cause.message : String(cause);
  return text.endsWith(".") ? text : `${text}.`;
}

async function connected(host: string, port: number, signal: AbortSignal): Promise<Socket> {
  const socket = connect({ host, port, noDelay: true });
  // Its later failures reach the transport; one without a listener would end the process.
  socket.on("error", () => undefined);
  try {
    await once(socket, "connect", { signal });
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

function parseServer(text: string): { host: string; port: number } {
  const [, bracketed, plain, digits] =
    /^(?:\[([0-9a-fA-F:.%]+)\]|([A-Za-z0-9.-]+)):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  const host = bracketed ?? plain;
  if (host !== undefined && port >= 1 && port <= 65_535) return { host, port };
  throw misused(`"${text}" is not HOST:PORT.`, "As in 192.0.2.7:22, [2001:db8::7]:22 or server.example:22.");
}

function misused(message: string, remedy: string): MitsubakoError {
  return new MitsubakoError("bad-usage", message, { remedy });
}
