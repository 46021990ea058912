import { showMicros } from "../model/timestamps.ts";
import type { LateFactRead } from "../evidence/late-facts.ts";
import type { CowrieEvent } from "./cowrie-event.ts";
import type { EventEnvelope } from "./event-mapper.ts";
import { sandboxFactEvents } from "./sandbox-fact.ts";

/** What its sandbox did when the session was over. The last events of a session, each at its own time and with `late: true`. */
export function lateFactEvents(envelope: EventEnvelope, facts: readonly LateFactRead[]): CowrieEvent[] {
  return facts.flatMap(({ at, sandbox, fact }) =>
    envelope.wrapAt(
      showMicros(at),
      (fact.kind === "file" ? envelope.files.events(fact) : sandboxFactEvents(fact)).map((body) => ({
        ...body,
        late: true,
        mitsubako_sandbox: sandbox,
      })),
    ),
  );
}
