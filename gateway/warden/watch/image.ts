import type { KernelProgram } from "./programs.ts";

const NAME = 28;

/** What the loader reads at its start (`struct image` of gateway/watcher/tap.c). */
export function loaderImage(programs: readonly KernelProgram[]): Buffer {
  const count = Buffer.alloc(4);
  count.writeUInt32LE(programs.length);
  return Buffer.concat([count, ...programs.map(imageOf)]);
}

/** From now on, or no more, the processes of such a namespace (`struct command`). */
export function loaderCommand(add: boolean, namespace: number): Buffer {
  return commandOf(add ? 1 : 0, namespace, 0);
}

/** A record of that number is to follow on all that the kernel has told by now. */
export function loaderMark(namespace: number, number: number): Buffer {
  return commandOf(2, namespace, number);
}

function commandOf(what: number, namespace: number, number: number): Buffer {
  const command = Buffer.alloc(16);
  command.writeUInt32LE(what);
  command.writeUInt32LE(namespace, 4);
  command.writeBigUInt64LE(BigInt(number), 8);
  return command;
}

function imageOf({ tracepoint, code }: KernelProgram): Buffer {
  const head = Buffer.alloc(4 + NAME);
  head.writeUInt32LE(code.length / 8);
  head.write(tracepoint, 4, NAME - 1, "latin1");
  return Buffer.concat([head, code]);
}
