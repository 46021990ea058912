import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { escapeText } from "../model/bytes.ts";
import { showEndpoint } from "../model/endpoint.ts";
import { MitsubakoError } from "../model/errors.ts";
import { STATUS_EVERY, STATUS_FILE } from "../model/gateway-status.ts";
import type { GatewayStatus } from "../model/gateway-status.ts";
import { isMissing } from "../model/missing.ts";
import { count, relativeTime, TERMINAL } from "./human.ts";

export interface StatusCommandOptions {
  readonly data: string;
  readonly json?: true;
}

interface Caps {
  /** Sandboxes that have byte caps. */
  readonly sandboxes: number;
  /** Those of which one is used up. */
  readonly spent: number;
}

/** `mitsubako status`: by what the gateway has written into its data folder. Exit code 1 when it does not run, the policy's file was refused, or its way out is not in force. */
export async function statusCommand(
  { data, json }: StatusCommandOptions,
  output = TERMINAL,
): Promise<number> {
  const status = await readStatus(data);
  const caps = capsIn(await readFile(join(data, "metrics.prom"), "utf8").catch(() => ""));
  const age = output.now() - Date.parse(status.at);
  // It may have been busy for once.
  const isRunning = status.stopped === undefined && age < 4 * STATUS_EVERY;
  output.stdout.write(
    json
      ? `${JSON.stringify({ isRunning, ...status, caps }, undefined, 2)}\n`
      : text(status, caps, isRunning, output.now()),
  );
  return isRunning && (status.refused ?? status.shut) === undefined ? 0 : 1;
}

async function readStatus(data: string): Promise<GatewayStatus> {
  try {
    return JSON.parse(await readFile(join(data, STATUS_FILE), "utf8")) as GatewayStatus;
  } catch (error) {
    if (!isMissing(error)) throw error;
    throw new MitsubakoError("not-found", `No gateway has written its status into ${data}.`, {
      remedy: "Start one with `mitsubako serve`, or name its data folder with --data.",
      cause: error,
    });
  }
}

/** Of the metrics that the gateway writes (firewall/cap-metrics.ts). */
function capsIn(metrics: string): Caps {
  const capped = new Set<string>();
  const spent = new Set<string>();
  for (const [, address = "", value] of metrics.matchAll(
    /^mitsubako_cap_spent\{[^}]*address="([^"]*)"[^}]*\} ([01])$/gm,
  )) {
    capped.add(address);
    if (value === "1") spent.add(address);
  }
  return { sandboxes: capped.size, spent: spent.size };
}

function text(status: GatewayStatus, caps: Caps, isRunning: boolean, now: number): string {
  const { policy, refused, shut, sandboxes, sessions, listening, personas = [], stopped } = status;
  const ago = (time: string) => relativeTime(Date.parse(time) * 1000, now);
  const state = isRunning
    ? `runs since ${status.started} (process ${status.pid}, slot ${status.slot}), as it said ${ago(status.at)}`
    : stopped === undefined
      ? `was killed or hangs: nothing was heard of it since ${status.at} (${ago(status.at)})`
      : `was stopped ${ago(stopped)} (${stopped})`;
  const lines: readonly (readonly [string, string])[] = [
    ["gateway", state],
    ["listens", listening.map(showEndpoint).join(", ")],
    ["policy", [policy.path, ...policy.bases].map(escapeText).join(", which extends ")],
    ["", `SHA-256 ${policy.hash}`],
    ["", `in force since ${policy.since} (${ago(policy.since)})`],
    ...(refused === undefined ? [] : refusal(refused, ago)),
    ...(shut === undefined ? [] : noWayOut(shut, ago)),
    [
      "sandboxes",
      `${count(sandboxes.sources, "source")} with one, ${count(sandboxes.spares, "spare")}; ${sandboxes.all} of ${policy.most}`,
    ],
    ...byProfile(sandboxes),
    ...personas.map(({ name, hostname, keys, sources }, index): [string, string] => [
      index === 0 ? "personas" : "",
      `${escapeText(name)} as ${escapeText(hostname)}, host keys ${escapeText(keys)}: ${count(sources, "source")}`,
    ]),
    ["sessions", `${count(sessions, "connection")} open`],
    [
      "caps",
      `${caps.sandboxes} ${caps.sandboxes === 1 ? "sandbox" : "sandboxes"} with byte caps, ${caps.spent} used up`,
    ],
  ];
  return lines.map(([name, value]) => `${name.padEnd(11)}${value}\n`).join("");
}

/** Nothing where no sandbox goes by a profile, and of a gateway that did not count them. */
function byProfile({ sources, profiles = {} }: Partial<GatewayStatus["sandboxes"]>): [string, string][] {
  const counted = Object.entries(profiles);
  if (counted.length === 0) return [];
  const others = counted.reduce((left, [, number]) => left - number, sources ?? 0);
  const all = [...counted.map(([name, number]) => `${escapeText(name)} ${number}`), `without one ${others}`];
  return [["", `by profile: ${all.join(", ")}`]];
}

function noWayOut(
  { at, message }: NonNullable<GatewayStatus["shut"]>,
  ago: (time: string) => string,
): [string, string][] {
  return [
    [
      "SHUT",
      `since ${at} (${ago(at)}): the policy's way out could not be put in force, and nothing is let out:`,
    ],
    ...message.split("\n").map((line): [string, string] => ["", escapeText(line)]),
  ];
}

function refusal(
  { at, message }: NonNullable<GatewayStatus["refused"]>,
  ago: (time: string) => string,
): [string, string][] {
  const [first = "", ...others] = message.split("\n").map(escapeText);
  return [
    ["REFUSED", `what the file says since ${at} (${ago(at)}); the policy above stays in force:`],
    ...[first, ...others].map((line): [string, string] => ["", line]),
  ];
}
