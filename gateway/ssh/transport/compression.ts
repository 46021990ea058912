import zlib from "node:zlib";
import { ProtocolError } from "./failures.ts";
import { LARGEST_PACKET } from "./limits.ts";

/**
 * zlib@openssh.com: one zlib stream in each direction, flushed after each packet (RFC 4253 section 6.2), level 6 as OpenSSH's.
 *
 * Packets are handled as they are read, so this must be synchronous, and Node's public interface has no synchronous stream. ssh2 and others
 * therefore use the stream's own handle, as is done here; `zlibHandle` is the one place that knows it.
 */
interface ZlibHandle {
  onerror: (message: string, errno: number, code: string) => void;
  init(
    windowBits: number,
    level: number,
    memoryLevel: number,
    strategy: number,
    writeState: Uint32Array,
    processCallback: () => void,
    dictionary: undefined,
  ): void;
  writeSync(
    flush: number,
    input: Uint8Array,
    inputAt: number,
    inputLength: number,
    output: Uint8Array,
    outputAt: number,
    outputLength: number,
  ): void;
  close(): void;
}

type Mode = "deflate" | "inflate";

function zlibHandle(mode: Mode): new (mode: number) => ZlibHandle {
  const stream = mode === "deflate" ? zlib.createDeflate() : zlib.createInflate();
  const { _handle: handle } = stream as unknown as { _handle: ZlibHandle };
  const constructor = handle.constructor as new (mode: number) => ZlibHandle;
  stream.destroy();
  return constructor;
}

const { DEFLATE, INFLATE, Z_PARTIAL_FLUSH, Z_DEFAULT_STRATEGY } = zlib.constants as typeof zlib.constants & {
  DEFLATE: number;
  INFLATE: number;
};

/** Where output is written before it goes on. Shared by all: consumed before the next call. Deflate may add a little to what does not compress. */
const OUTPUT = Buffer.allocUnsafeSlow(LARGEST_PACKET + 4096);

class ZlibStream {
  readonly #handle: ZlibHandle;
  readonly #state = new Uint32Array(2);
  #problem: string | undefined;

  constructor(mode: Mode) {
    this.#handle = new (zlibHandle(mode))(mode === "deflate" ? DEFLATE : INFLATE);
    this.#handle.onerror = (message) => {
      this.#problem ??= message;
    };
    this.#handle.init(15, 6, 8, Z_DEFAULT_STRATEGY, this.#state, () => undefined, undefined);
  }

  /** One packet through the stream. Undefined: it would be larger than a packet may be. The result lives until the next call of any stream. */
  run(input: Uint8Array): Buffer | undefined {
    this.#handle.writeSync(Z_PARTIAL_FLUSH, input, 0, input.length, OUTPUT, 0, OUTPUT.length);
    if (this.#problem !== undefined) throw new ProtocolError(`bad compressed data (${this.#problem})`);
    const left = this.#state[0] ?? 0;
    return left === 0 ? undefined : OUTPUT.subarray(0, OUTPUT.length - left);
  }

  close(): void {
    this.#handle.close();
  }
}

export class Deflater {
  readonly #stream = new ZlibStream("deflate");

  deflate(payload: Uint8Array): Buffer {
    const output = this.#stream.run(payload);
    if (!output) throw new Error("a payload is larger than a packet may be");
    return output;
  }

  close(): void {
    this.#stream.close();
  }
}

export class Inflater {
  readonly #stream = new ZlibStream("inflate");

  /** @throws ProtocolError when the data is bad or would yield more than a packet may hold: a few KiB could else become gigabytes. */
  inflate(payload: Uint8Array): Buffer {
    const output = this.#stream.run(payload);
    if (!output || output.length > LARGEST_PACKET) throw new ProtocolError("compressed packet is too large");
    return output;
  }

  close(): void {
    this.#stream.close();
  }
}
