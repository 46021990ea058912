/** Keys that stand in root's authorized_keys: who asks by name is told so, and who proves one is in. */
import type { Phase, Probe, Script } from "../compare.ts";
import { clientKey, LISTED, publicKeyRequest, signedRequest } from "../client-keys.ts";
import { message, u32 } from "../encoding.ts";
import type { Prober } from "../prober.ts";
import { ROOT } from "../targets.ts";
import { password } from "./under-keys.ts";

type Step = (prober: Prober) => Buffer;

const UNKNOWN = clientKey();
const [plain, elsewhere, forced, expired, malformed] = LISTED.map(({ key }) => key);
if (!plain || !elsewhere || !forced || !expired || !malformed) throw new Error("unreachable");

const asks =
  (key: typeof plain, user = "root"): Step =>
  () =>
    publicKeyRequest(user, key, 0);
const proves =
  (key: typeof plain, user = "root"): Step =>
  (prober) =>
    signedRequest(user, prober.sessionId, key);
const proofOfNothing: Step = () => signedRequest("root", Buffer.alloc(32), plain);

const ASKED: Record<string, readonly Step[]> = {
  "one that is listed": [asks(plain)],
  "one that is listed, for a user who has none": [asks(plain, "alice")],
  "one that is listed, for nobody": [asks(plain, "no-such-user")],
  "one after the other, as an agent has them": [asks(UNKNOWN), asks(elsewhere), asks(plain), asks(forced)],
  "the same, over and over": Array.from({ length: 8 }, () => asks(plain)),
  "one for another address": [asks(elsewhere)],
  "one for another address, proven": [proves(elsewhere)],
  "one that has expired": [asks(expired)],
  "one with an option that is none": [asks(malformed)],
  "one that is listed, proven for another session": [proofOfNothing],
  "one that is listed, asked and then not proven": [asks(plain), proofOfNothing],
  "one that is listed, proven by whom it is not for": [proves(plain, "alice")],
  "one that is listed, then a password": [asks(plain), () => password("root", ROOT.password)],
  "one that is listed, asked and proven": [asks(plain), proves(plain)],
  "one that is listed, proven at once": [proves(plain)],
  "one with a command of its own, proven": [proves(forced)],
};

const said =
  (steps: readonly Step[]): Script =>
  async (prober) => {
    await prober.ready();
    await prober.ask(message(5, "ssh-userauth"));
    for (const step of steps) {
      if (prober.ended) return;
      prober.say(step(prober));
      await prober.fence();
    }
  };

/** In with a key: what its options allow. */
const inside =
  (...payloads: readonly Buffer[]): Script =>
  async (prober) => {
    await said([proves(forced)])(prober);
    if (!prober.packets.some(([type]) => type === 52)) throw new Error("a key that is listed was refused");
    await prober.until(() => prober.packets.some((payload) => payload.includes("hostkeys-00@openssh.com")));
    await prober.ask(message(90, "session", u32(5), u32(2_097_152), u32(32_768)));
    for (const payload of payloads) prober.say(payload);
    await prober.until(() => prober.packets.some(([type]) => type === 97));
  };

const EXEC = message(98, u32(0), "exec", 1, "echo -n mine");
const PTY = message(98, u32(0), "pty-req", 1, "xterm", u32(80), u32(24), u32(0), u32(0), "\0");

export const knownKeys: Phase = {
  name: "keys that an account knows",
  concurrency: 8,
  probes: [
    ...Object.entries(ASKED).map(([name, steps]): Probe => ({ name, script: said(steps) })),
    { name: "a command of the key's own", script: inside(EXEC) },
    { name: "a terminal that the key does not allow", script: inside(PTY, EXEC) },
  ],
};
