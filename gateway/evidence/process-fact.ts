import type { ByteString } from "../model/bytes.ts";
import {
  LONGEST_PATH,
  MOST_ARGUMENT_BYTES,
  MOST_ARGUMENTS,
  type ConnectTarget,
  type Ended,
  type ProcessFact,
} from "../model/process-facts.ts";
import { fieldsOf, isAddress, isBytes, isWhole, type Fields } from "./plain-values.ts";

/** As `networkFactOf`, for what a process did. */
export function processFactOf(value: unknown): ProcessFact | undefined {
  const fields = fieldsOf(value);
  const time = fields?.["time"];
  if (fields?.["kind"] !== "process" || !isWhole(time, Number.MAX_SAFE_INTEGER)) return undefined;
  if (fields["did"] === "more") return notTold(fields, time);
  const { pid, uid, errno, server } = fields;
  if (!isWhole(pid, MOST_ID) || !isWhole(uid, MOST_ID)) return undefined;
  if (errno !== undefined && !isWhole(errno, MOST_ERRNO)) return undefined;
  if (server !== undefined && server !== true) return undefined;
  const by = {
    kind: "process",
    time,
    pid,
    uid,
    ...(server === undefined ? {} : { server: true as const }),
  } as const;
  const failed = errno === undefined ? {} : { errno };
  switch (fields["did"]) {
    case "run": {
      const ran = runOf(fields);
      return ran && { ...by, did: "run", ...ran, ...failed };
    }
    case "end": {
      const ended = endedOf(fields["ended"]);
      return ended && { ...by, did: "end", ended };
    }
    case "connect": {
      const to = targetOf(fields["to"]);
      const { count } = fields;
      if (count !== undefined && !isWhole(count, MOST_ID)) return undefined;
      return to && { ...by, did: "connect", to, ...failed, ...(count === undefined ? {} : { count }) };
    }
    default:
      return undefined;
  }
}

const MOST_ID = 0xffff_ffff;
const MOST_ERRNO = 4095;

function runOf({ parent, path, argv, argvLeftOut, ended }: Fields) {
  if (!isWhole(parent, MOST_ID) || !isBytes(path, LONGEST_PATH) || !isArgv(argv)) return undefined;
  if (argvLeftOut !== undefined && !isWhole(argvLeftOut, MOST_ID)) return undefined;
  const over = ended === undefined ? undefined : endedOf(ended);
  if (ended !== undefined && over === undefined) return undefined;
  return {
    parent,
    path,
    argv,
    ...(argvLeftOut === undefined ? {} : { argvLeftOut }),
    ...(over === undefined ? {} : { ended: over }),
  };
}

function isArgv(value: unknown): value is ByteString[] {
  if (!Array.isArray(value) || value.length > MOST_ARGUMENTS) return false;
  if (!value.every((one) => isBytes(one, MOST_ARGUMENT_BYTES))) return false;
  return value.reduce((sum, one) => sum + one.length, 0) <= MOST_ARGUMENT_BYTES;
}

function endedOf(value: unknown): Ended | undefined {
  const { after, status, signal } = fieldsOf(value) ?? {};
  if (!isWhole(after, Number.MAX_SAFE_INTEGER)) return undefined;
  if (status !== undefined && !isWhole(status, 255)) return undefined;
  if (signal !== undefined && !isWhole(signal, 127)) return undefined;
  return {
    after,
    ...(status === undefined ? {} : { status }),
    ...(signal === undefined ? {} : { signal }),
  };
}

function targetOf(value: unknown): ConnectTarget | undefined {
  const { family, address, port, path } = fieldsOf(value) ?? {};
  if (family === "inet" || family === "inet6")
    return isAddress(address) && isWhole(port, 65_535) ? { family, address, port } : undefined;
  if (family === "unix") return isBytes(path, LONGEST_PATH) ? { family, path } : undefined;
  return isWhole(family, 65_535) ? { family } : undefined;
}

function notTold({ runs, connects }: Fields, time: number): ProcessFact | undefined {
  return isWhole(runs, MOST_ID) && isWhole(connects, MOST_ID)
    ? { kind: "process", did: "more", time, runs, connects }
    : undefined;
}
