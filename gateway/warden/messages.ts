import { z } from "zod";
import type { FrontNotice, FrontRequest, ToWarden } from "../model/front-messages.ts";
import { END_REASONS } from "../model/end-reason.ts";
import { isSessionId, type SessionId } from "../model/ids.ts";

/**
 * The boundary between strangers' process and root's: nothing a front says is used before it passed here.
 * Unknown keys, wrong types and oversized values make the whole message void.
 */
export function parseFrontMessage(raw: unknown): ToWarden | undefined {
  const parsed = envelope.safeParse(raw);
  return parsed.success ? parsed.data : undefined;
}

/** OpenSSH's packet limit (PACKET_MAX_SIZE): no attempt carries more, so no stranger can make a front of ours break this. */
const LONGEST_SECRET = 262_144;

const session = z.custom<SessionId>(isSessionId);
const bytes = (most: number) =>
  z.custom<Uint8Array>((value) => value instanceof Uint8Array && value.byteLength <= most);
const endpoint = z.strictObject({
  address: z.union([z.ipv4(), z.ipv6()]),
  port: z.int().min(0).max(65_535),
});

const request = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("admit"), source: endpoint, listener: endpoint }),
  z.strictObject({
    kind: z.literal("judge"),
    session,
    method: z.enum(["password", "keyboard-interactive"]),
    user: bytes(LONGEST_SECRET),
    password: bytes(LONGEST_SECRET),
  }),
  z.strictObject({ kind: z.literal("keys"), session, user: bytes(LONGEST_SECRET) }),
  z.strictObject({ kind: z.literal("foresee"), session }),
  z.strictObject({ kind: z.literal("prepared"), session }),
  z.strictObject({ kind: z.literal("settle"), session }),
]) satisfies z.ZodType<FrontRequest>;

const notice = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("ready") }),
  z.strictObject({ kind: z.literal("logged-in"), session, by: z.enum(["password", "key"]) }),
  z.strictObject({ kind: z.literal("ended"), session, reason: z.enum(END_REASONS) }),
]) satisfies z.ZodType<FrontNotice>;

/** The id of a request that was void, for the answer that it could not be understood. */
export function requestIdOf(raw: unknown): number | undefined {
  const parsed = z.object({ type: z.literal("request"), id: z.int().min(0) }).safeParse(raw);
  return parsed.success ? parsed.data.id : undefined;
}

const envelope = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("request"), id: z.int().min(0), request }),
  z.strictObject({ type: z.literal("notice"), notice }),
]) satisfies z.ZodType<ToWarden>;
