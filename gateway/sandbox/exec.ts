import type { Readable } from "node:stream";
import { MitsubakoError } from "../model/errors.ts";
import { EngineRefused, type Engine } from "./docker.ts";

export interface RunInside {
  /** The engine's id of the container. */
  readonly container: string;
  readonly argv: readonly [program: string, ...args: string[]];
  /** Milliseconds until it counts as hanging. What runs in there ends with the sandbox. */
  readonly timeout: number;
  readonly signal?: AbortSignal | undefined;
}

/** What was printed is not believed: it comes from a sandbox. */
const MOST_OUTPUT = 2 ** 18;
/** A shell's codes for a program that is not there, or cannot be run; the engine gives the same. */
const NOT_RUN = [126, 127];

/**
 * Runs a program as root inside a sandbox in which nobody is, as the engine's `exec` does. Gives its standard output.
 * @throws MitsubakoError `not-found` when the image has no such program; `engine-refused`; `engine-dead`, also when it takes too long.
 */
export async function runInside(engine: Engine, { container, argv, timeout, signal }: RunInside) {
  const [program] = argv;
  const missing = (cause?: unknown) =>
    new MitsubakoError("not-found", `The sandbox image has no ${program}.`, { cause });
  try {
    return await engine.call(
      "run a program in a sandbox",
      async (docker, abortSignal) => {
        const exec = await docker.getContainer(container).exec({
          Cmd: [...argv],
          User: "0:0",
          Env: ["LC_ALL=C"],
          AttachStdout: true,
          AttachStderr: true,
          abortSignal,
        });
        const stream = await exec.start({ hijack: false, stdin: false, abortSignal });
        const giveUp = () => {
          stream.destroy(abortSignal.reason as Error);
        };
        abortSignal.addEventListener("abort", giveUp, { once: true });
        const output = await collect(stream).finally(() => {
          abortSignal.removeEventListener("abort", giveUp);
        });
        const { ExitCode: code } = await exec.inspect({ abortSignal });
        if (code !== null && NOT_RUN.includes(code)) throw missing();
        if (code !== 0)
          throw new MitsubakoError(
            "engine-refused",
            `${program} in a sandbox ended with ${code ?? "nothing"}: ${JSON.stringify(output.errors.slice(0, 300))}.`,
          );
        return output.text;
      },
      { timeout, signal },
    );
  } catch (error) {
    // How engines say that there is no such program before they have started anything.
    if (error instanceof EngineRefused && /executable file not found|no such file/i.test(error.message))
      throw missing(error);
    throw error;
  }
}

/** The engine's frames: one byte for the stream, three of nothing, four for the length. */
async function collect(stream: Readable): Promise<{ text: string; errors: string }> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MOST_OUTPUT) throw new Error("it printed more than it can have to say");
    chunks.push(chunk);
  }
  const all = Buffer.concat(chunks);
  const parts: Record<"text" | "errors", Buffer[]> = { text: [], errors: [] };
  for (let at = 0; at + 8 <= all.length;) {
    const end = at + 8 + all.readUInt32BE(at + 4);
    parts[all[at] === 2 ? "errors" : "text"].push(all.subarray(at + 8, end));
    at = end;
  }
  return {
    text: Buffer.concat(parts.text).toString("latin1"),
    errors: Buffer.concat(parts.errors).toString("latin1"),
  };
}
