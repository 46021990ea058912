/** Canonical values as people write them: what the units of model/policy-units.ts read, the other way round. */
import { showEndpoint } from "../model/endpoint.ts";
import { nodeAt } from "./schema.ts";
import type { PolicyPath } from "./problem.ts";

const DURATIONS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1000],
  ["ms", 1],
] as const;

const SIZES = [
  ["TiB", 2 ** 40],
  ["TB", 1e12],
  ["GiB", 2 ** 30],
  ["GB", 1e9],
  ["MiB", 2 ** 20],
  ["MB", 1e6],
  ["KiB", 2 ** 10],
  ["kB", 1e3],
] as const;

const BITS = [
  ["gbit", 1e9],
  ["mbit", 1e6],
  ["kbit", 1e3],
] as const;

/** Bits a second → `1mbit`, `128kbit`: the largest unit that says it exactly. */
export function showBitrate(bits: number): string {
  const [unit, factor] = BITS.find(([, length]) => bits % length === 0) ?? ["bit", 1];
  return `${bits / factor}${unit}`;
}

/** Milliseconds → `90s`, `6h`, `0s`: the largest unit that says it exactly. */
export function showDuration(milliseconds: number): string {
  if (milliseconds === 0) return "0s";
  const [unit, factor] = DURATIONS.find(([, length]) => milliseconds % length === 0) ?? ["ms", 1];
  return `${milliseconds / factor}${unit}`;
}

/** Bytes → `5 MiB`, `10 GB`, `1001`: the unit that says it exactly with the smallest number. */
export function showSize(bytes: number): string {
  if (bytes === 0) return "0";
  const [best] = SIZES.filter(([, factor]) => bytes % factor === 0).sort((a, b) => b[1] - a[1]);
  return best === undefined ? String(bytes) : `${bytes / best[1]} ${best[0]}`;
}

/** A canonical value as a policy file holds it; sections and lists go through part by part. */
export function asWritten(value: unknown, path: PolicyPath = []): unknown {
  switch (titleAt(path, value)) {
    case "duration":
      return typeof value === "number" ? showDuration(value) : value;
    case "size":
      return typeof value === "number" ? showSize(value) : value;
    case "bitrate":
      return typeof value === "number" ? showBitrate(value) : value;
    case "rate":
      return isRecord(value) ? `${String(value["count"])}/${String(value["per"])}` : value;
    case "ports":
      return (value as readonly (readonly [number, number])[])
        .map(([from, to]) => (from === to ? String(from) : `${from}-${to}`))
        .join(",");
    case "start:rate:full":
      return isRecord(value)
        ? ["begin", "percent", "full"].map((key) => String(value[key])).join(":")
        : value;
    case "listener":
      return isRecord(value) && value["address"] === undefined
        ? value["port"]
        : asWritten(value, ["listen", 0]);
    case "address and port":
      return isRecord(value)
        ? showEndpoint({ address: String(value["address"]), port: Number(value["port"]) })
        : value;
  }
  if (Array.isArray(value)) return value.map((item, index) => asWritten(item, [...path, index]));
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, asWritten(item, [...path, key])]),
  );
}

/** Of what may be one thing or a list of such, the one thing's. */
function titleAt(path: PolicyPath, value: unknown): string | undefined {
  const node = nodeAt(path);
  return node?.title ?? (Array.isArray(value) ? undefined : node?.anyOf?.[0]?.title);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
