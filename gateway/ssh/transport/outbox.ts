import type { Socket } from "node:net";

/** Sealed packets are gathered in buffers of this size, which go round: a fresh 128 KiB each time costs more than the encryption. */
const ARENA = 128 * 1024;
/** Idle arenas kept for the whole process. */
const MOST_SPARES = 32;
/** What is smaller than this when written is copied out, so that a slow reader of small packets does not hold an arena. */
const SMALL = 4096;

const spares: Buffer[] = [];

function takeArena(size: number, least: number): Buffer {
  if (size > least || least < ARENA) return Buffer.allocUnsafeSlow(Math.max(size, least));
  return spares.pop() ?? Buffer.allocUnsafeSlow(ARENA);
}

function giveArena(arena: Buffer): void {
  if (arena.length === ARENA && spares.length < MOST_SPARES) spares.push(arena);
}

interface Filled {
  readonly arena: Buffer;
  used: number;
}

/**
 * What goes out. Packets written between `cork` and the last `uncork` leave in one write; while a write is under way further ones
 * gather and leave together when it is done, so a slow reader costs no more than what is pending.
 */
export class Outbox {
  readonly #socket: Socket;
  readonly #onWritten: () => void;
  #gathered: Filled[] = [];
  #gatheredBytes = 0;
  #writing = 0;
  #corks = 0;
  /** While there is no bulk, a slow reader is to hold no more than what waits for it. */
  #arenaSize = SMALL;

  constructor(socket: Socket, onWritten: () => void) {
    this.#socket = socket;
    this.#onWritten = onWritten;
  }

  /** Bytes that the kernel has not taken yet. */
  get pending(): number {
    return this.#gatheredBytes + this.#writing;
  }

  /** From now on there may be bulk. */
  expectBulk(): void {
    this.#arenaSize = ARENA;
  }

  /** Room for `size` bytes in one piece, to be filled at once. They leave at the next `uncork`. */
  reserve(size: number): { bytes: Buffer; start: number } {
    let filled = this.#gathered.at(-1);
    if (!filled || filled.arena.length - filled.used < size) {
      filled = { arena: takeArena(size, this.#arenaSize), used: 0 };
      this.#gathered.push(filled);
    }
    const start = filled.used;
    filled.used += size;
    this.#gatheredBytes += size;
    return { bytes: filled.arena, start };
  }

  cork(): void {
    this.#corks++;
  }

  uncork(): void {
    if (this.#corks > 0) this.#corks--;
    if (this.#corks === 0 && this.#writing === 0) this.flush();
  }

  /** Gives everything to the socket, corks or not. */
  flush(): void {
    if (this.#gathered.length === 0) return;
    const gathered = this.#gathered;
    this.#gathered = [];
    this.#writing += this.#gatheredBytes;
    this.#gatheredBytes = 0;
    if (gathered.length > 1) this.#socket.cork();
    for (const filled of gathered) this.#write(filled);
    if (gathered.length > 1) this.#socket.uncork();
  }

  /** Forgets what has not been given to the socket. */
  close(): void {
    for (const { arena } of this.#gathered) giveArena(arena);
    this.#gathered = [];
    this.#gatheredBytes = 0;
  }

  #write({ arena, used }: Filled): void {
    const small = used <= SMALL;
    const bytes = small ? Buffer.from(arena.subarray(0, used)) : arena.subarray(0, used);
    if (small) giveArena(arena);
    this.#socket.write(bytes, (error) => {
      this.#writing -= used;
      // The socket is gone and its end will be heard of; to go on writing to it would be for ever.
      if (error) return;
      if (!small) giveArena(arena);
      if (this.#writing > 0) return;
      if (this.#corks === 0) this.flush();
      this.#onWritten();
    });
  }
}
