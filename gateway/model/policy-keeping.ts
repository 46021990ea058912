/** The part of a policy that says what is kept, and for how long. */
import { z } from "zod";
import { durationBetween, size, sizeBetween } from "./policy-units.ts";
import { webhook } from "./policy-webhook.ts";

export const evidence = z.strictObject({
  largestFile: size.prefault("64m").describe("A changed file over this size is listed, not kept."),
  mostFiles: z
    .int()
    .min(0)
    .max(1_000_000)
    .default(2000)
    .describe("Files kept of one sandbox, over all its captures."),
  mostBytes: size.prefault("512m").describe("Bytes kept of one sandbox, over all its captures."),
  mostChanges: z.int().min(1).max(10_000_000).default(50_000).describe("Changes listed of one capture."),
  processes: z
    .enum(["auto", "off", "required"])
    .default("auto")
    .describe(
      "Whether every program that is run in a sandbox and every connect are seen from outside, by the kernel: where it can, never, or not without. Off and on at the next start.",
    ),
  watchFiles: z
    .enum(["auto", "off", "required"])
    .default("auto")
    .describe(
      "Whether files that are run or deleted before a capture are kept too, by a witness outside of the sandbox: where the kernel can, never, or not without. Off and on at the next start.",
    ),
});

export const events = z.strictObject({
  rotate: z
    .enum(["size", "daily"])
    .default("size")
    .describe(
      "When the event file is set aside: at its size, or also when a day (UTC) has ended, as `mitsubako.json.2026-11-28`.",
    ),
  rotateAt: sizeBetween("4k", "1 TiB").prefault("100m").describe("Size at which the event file is rotated."),
  keep: z.int().min(1).max(100_000).default(30).describe("Rotated event files that are kept."),
  stdout: z.boolean().default(false).describe("Also print events to standard output."),
  webhook: webhook
    .optional()
    .describe("Also send events to a receiver over HTTP; not if absent. docs/events.md tells how."),
});

export const retention = z.strictObject({
  age: durationBetween("1s", "36500d")
    .optional()
    .describe("From the end of the day (UTC) on which a session began to its removal; never if absent."),
  credentials: durationBetween("1s", "36500d")
    .optional()
    .describe(
      "From the end of the day (UTC) on which a session began to when the passwords in its recording and in the index are dropped; never if absent. The rest of the recording stays.",
    ),
  size: sizeBetween("1m", "1024 TiB")
    .optional()
    .describe(
      "Bytes of all recordings and captured files; beyond it the oldest are removed. Without bound if absent.",
    ),
  free: sizeBetween("1m", "1024 TiB")
    .optional()
    .describe(
      "Free room of the data folder's disk; below it the oldest are removed until there is so much again. Nothing is removed for room if absent. More than `limits.diskFloor`, or strangers are turned away first.",
    ),
});
