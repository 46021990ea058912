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
  ["GiB", 2 ** 30],
  ["MiB", 2 ** 20],
  ["KiB", 2 ** 10],
] as const;

const DECIMAL_SIZES = [
  ["TB", 1e12],
  ["GB", 1e9],
  ["MB", 1e6],
  ["kB", 1e3],
] as const;

/** Milliseconds → `90s`, `6h`, `0s`: the largest unit that says it exactly. */
export function showDuration(milliseconds: number): string {
  if (milliseconds === 0) return "0s";
  return inLargest(milliseconds, DURATIONS) ?? `${milliseconds}ms`;
}

/** Bytes → `5 MiB`, `10 GB`, `1000`: powers of 1024 where the number is one of them, else of 1000, else bytes. */
export function showSize(bytes: number): string {
  if (bytes === 0) return "0";
  return inLargest(bytes, SIZES, " ") ?? inLargest(bytes, DECIMAL_SIZES, " ") ?? String(bytes);
}

function inLargest(
  amount: number,
  units: readonly (readonly [string, number])[],
  space = "",
): string | undefined {
  const unit = units.find(([, factor]) => amount % factor === 0);
  return unit && `${amount / unit[1]}${space}${unit[0]}`;
}

/** A canonical value as a policy file holds it; sections and lists go through part by part. */
export function asWritten(value: unknown, path: PolicyPath = []): unknown {
  switch (nodeAt(path)?.title) {
    case "duration":
      return typeof value === "number" ? showDuration(value) : value;
    case "size":
      return typeof value === "number" ? showSize(value) : value;
    case "start:rate:full":
      return isRecord(value)
        ? ["begin", "percent", "full"].map((key) => String(value[key])).join(":")
        : value;
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

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
