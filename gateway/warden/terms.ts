import type { SessionTerms } from "../model/front-messages.ts";
import type { ShownMachine } from "../model/persona.ts";
import type { Resolved } from "../policy/resolve.ts";

/** What a front has to know of the policy that holds for one session, and of whom it plays there. */
export function termsOf({ policy, profile }: Resolved, { machine, hostname }: ShownMachine): SessionTerms {
  const { auth, persona, deadlines, limits } = policy;
  return {
    ...(profile === undefined ? {} : { profile }),
    machine: machine.id,
    hostname,
    maxTries: auth.maxTries,
    ...(auth.methods === undefined ? {} : { methods: auth.methods }),
    ...(persona.banner === undefined ? {} : { banner: persona.banner }),
    deadlines: { login: deadlines.login, session: deadlines.session, idle: deadlines.idle },
    limits: {
      channels: limits.channels,
      requestsPerSecond: limits.requestsPerSecond,
      recordingSize: limits.recordingSize,
    },
  };
}
