/**
 * Debian 13's sshd and the gateway in its place, asked the same: what it offers to whom, services, logins and pings. The rest of what `wire.test.ts` asks of
 * Debian 12's is asked of it with MITSUBAKO_SLOW=1.
 */
import { after, before, describe, it } from "node:test";
import { mustBeAlike } from "./alike.ts";
import { questionsIn } from "./compare.ts";
import { PHASES } from "./phases.ts";
import { pings } from "./probes/after-login.ts";
import { offers } from "./probes/identification.ts";
import { logins, services } from "./probes/under-keys.ts";
import { startTargets, type Targets } from "./targets.ts";

const PERSONA = "debian-13";
const SHORT = [offers, services, logins, pings];
const LONG = [...PHASES, pings];

describe("what Debian 13's sshd answers, the gateway answers", () => {
  let targets: Targets;
  let alike = 0;
  let asked = 0;
  before(async () => {
    targets = await startTargets(PERSONA);
  });
  after(async () => {
    console.log(`the wire of ${PERSONA}: ${alike} of ${asked} alike`);
    await targets[Symbol.asyncDispose]();
  });

  for (const phase of process.env["MITSUBAKO_SLOW"] === "1" ? LONG : SHORT)
    it(phase.name, async () => {
      const ports = { theirs: targets.reference.port, ours: targets.gateway.port };
      asked += questionsIn(phase);
      alike += questionsIn(phase) - (await mustBeAlike(phase, ports));
    });
});
