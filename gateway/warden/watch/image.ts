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
  const command = Buffer.alloc(8);
  command.writeUInt32LE(add ? 1 : 0);
  command.writeUInt32LE(namespace, 4);
  return command;
}

function imageOf({ tracepoint, code }: KernelProgram): Buffer {
  const head = Buffer.alloc(4 + NAME);
  head.writeUInt32LE(code.length / 8);
  head.write(tracepoint, 4, NAME - 1, "latin1");
  return Buffer.concat([head, code]);
}
