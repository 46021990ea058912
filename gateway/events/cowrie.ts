import type { Observation } from "../evidence/observation.ts";
import { clientKex, clientSize, clientVariable, clientVersion, malformedPacket } from "./client.ts";
import { command, commandEnded } from "./command.ts";
import type { EventBody } from "./cowrie-event.ts";
import { forwardAsked, forwardData } from "./forward.ts";
import { keyShown, login } from "./login.ts";
import { sandboxFactEvents } from "./sandbox-fact.ts";
import { connected } from "./session.ts";
import { dropped, upload } from "./upload.ts";

/** What the events of a gateway say that its recordings do not. */
export interface EventContext {
  /** The gateway's own, from `gateway.json`. */
  readonly uuid: string;
  /** As `session.params` says it, such as `linux-x64-lsb`. */
  readonly arch: string;
}

/** The events that one observation makes. What Cowrie has no word for makes none; it stays in the evidence. */
export function cowrieEvents(observation: Observation, context: EventContext): EventBody[] {
  switch (observation.kind) {
    case "session-opened":
      return [connected(observation)];
    case "client-version":
      return [clientVersion(observation)];
    case "key-exchange":
      return [clientKex(observation)];
    case "key-offered":
      return [keyShown(observation)];
    case "tried":
      return login(observation, context.arch);
    case "command":
      return command(observation);
    case "command-ended":
      return commandEnded(observation);
    case "terminal":
      return [clientSize(observation)];
    case "variable":
      return [clientVariable(observation)];
    case "transfer":
      return upload(observation, observation.channel);
    case "dropped":
      return dropped(observation);
    case "forward":
      return [forwardAsked(observation)];
    case "forward-data":
      return [forwardData(observation)];
    case "network":
    case "process":
    case "file":
      return sandboxFactEvents(observation);
    case "unreadable":
      return [malformedPacket(observation)];
    case "sandbox-leased":
    case "logged-in":
    case "session-ended":
    case "channel-opened":
    case "channel-closed":
    case "typed":
    case "subsystem":
    case "file-operation":
    case "listen":
      return [];
    default:
      observation satisfies never;
      return [];
  }
}
