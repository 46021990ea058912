/**
 * How what is said is cut into segments. The prober sends one thing at a time and tells how many bytes it reads at once: on the loopback that is what the server
 * wrote at once, unless two writes came before it looked. So an answer counts as alike if it was cut the same way at any of the tries.
 */
import type { Phase, Probe, Script } from "../compare.ts";
import { message, u32 } from "../encoding.ts";
import { ALICE, ROOT } from "../targets.ts";
import { password, request } from "./under-keys.ts";

const SERVICE = message(5, "ssh-userauth");
const OPEN = message(90, "session", u32(5), u32(2_097_152), u32(32_768));
const exec = (command: string) => message(98, u32(0), "exec", 1, command);

/** An identification that the client has read before it says its own is not read together with what follows. */
const met: Script = (prober) => prober.until(() => prober.heard.length > 0);

const served: Script = async (prober) => {
  await met(prober);
  await prober.ready();
  await prober.ask(SERVICE);
};

const ran =
  (command: string): Script =>
  async (prober) => {
    await met(prober);
    await prober.login(ROOT.user, ROOT.password);
    await prober.ask(OPEN);
    prober.say(exec(command));
    await prober.until(() => prober.packets.some(([type]) => type === 97));
  };

const loggedIn: Script = async (prober) => {
  await met(prober);
  await prober.login(ALICE.user, ALICE.password);
};

const SAID: Record<string, Script> = {
  "the identification": (prober) => prober.quiet(),
  "the offers": async (prober) => {
    await met(prober);
    await prober.greet();
  },
  "the first key exchange": async (prober) => {
    await met(prober);
    await prober.ready();
  },
  "the offers and the key exchange at once": async (prober) => {
    await met(prober);
    prober.identify();
    prober.sayKexInit();
    prober.sayKexValue();
  },
  "a service twice in one write": async (prober) => {
    await met(prober);
    await prober.ready();
    const before = prober.packets.length;
    prober.say(SERVICE);
    prober.say(SERVICE);
    await prober.until(() => prober.packets.length >= before + 2);
  },
  "a service": served,
  none: async (prober) => {
    await served(prober);
    await prober.ask(request("root", "none"));
  },
  "a wrong password": async (prober) => {
    await served(prober);
    await prober.ask(password("root", "wrong"));
  },
  "the last wrong password": async (prober) => {
    await served(prober);
    for (let count = 0; count < 6 && !prober.ended; count++) await prober.ask(password("root", "wrong"));
    await prober.until(() => prober.ended);
  },
  "an unknown message": async (prober) => {
    await served(prober);
    await prober.ask(Buffer.of(191));
  },
  "another user": async (prober) => {
    await served(prober);
    await prober.ask(request("root", "none"));
    await prober.ask(request("alice", "none"));
  },
  "a login": loggedIn,
  "a channel": async (prober) => {
    await loggedIn(prober);
    await prober.ask(OPEN);
  },
  "a command": ran("sleep 0.3; echo -n word; sleep 0.3"),
  "output in four pieces": ran("for i in 1 2 3 4; do echo -n $i; sleep 0.3; done"),
  "new keys": async (prober) => {
    await loggedIn(prober);
    await prober.rekey();
  },
};

export const segments: Phase = {
  name: "segments",
  concurrency: 3,
  probes: Object.entries(SAID).map(([name, script]): Probe => ({
    name,
    script,
    options: { segments: true },
    // A question that is always answered would be one more segment, apart from the last answer or not.
    fenced: false,
  })),
};
