/** The two that are compared: the persona's own sshd, and a gateway with a sandbox, a policy and everything. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { startGateway, type Gateway } from "../../gateway/harness.ts";
import { Prober } from "./prober.ts";
import { listKeys } from "./client-keys.ts";
import { startReference, type Account, type Reference } from "./reference.ts";

export const ROOT: Account = { user: "root", password: randomBytes(9).toString("hex") };
export const ALICE: Account = { user: "alice", password: randomBytes(9).toString("hex") };

/** Like stock sshd, for one source with two accounts, and as many connections as the probes want. */
export const policyFor = (persona: string) => `
persona: { name: ${persona} }
auth:
  otherwise: reject
  rules:
    - { name: the accounts, user: [root, alice], verdict: accept }
sandbox:
  most: 2
  spares: 1
  memory: 1g
  pids: 2048
  cpuQuota: 2
limits:
  connections: 2000
  connectionsPerSource: 1000
  starts: "500:30:1000"
`;

export interface Targets extends AsyncDisposable {
  readonly reference: Reference;
  readonly gateway: Gateway;
}

export async function startTargets(persona = "debian-12"): Promise<Targets> {
  const gateway = await startGateway({ policy: policyFor(persona) });
  try {
    const keys = join(gateway.data, "keys");
    const reference = await startReference(persona, join(keys, persona), [ROOT, ALICE]);
    // From now on the sandbox's own sshd decides about both, as the reference does.
    for (const { user, password } of [ROOT, ALICE]) {
      const prober = new Prober(gateway.port, { patience: 100 });
      await prober.login(user, password);
      prober.close();
    }
    for (const port of [reference.port, gateway.port]) await listKeys(new Prober(port, { patience: 100 }));
    return {
      reference,
      gateway,
      async [Symbol.asyncDispose]() {
        await Promise.all([reference[Symbol.asyncDispose](), gateway[Symbol.asyncDispose]()]);
      },
    };
  } catch (error) {
    await gateway[Symbol.asyncDispose]();
    throw error;
  }
}
