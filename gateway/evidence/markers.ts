import type { ByteString } from "../model/bytes.ts";
import type { Marker } from "../recording/marker.ts";
import type { Observation } from "./observation.ts";

/** Bytes kept of a marker's text: a line on a screen. */
const MOST_TEXT = 200;
/** Of one session; who makes more is a program, and nobody looks at them one by one. */
export const MOST_MARKERS = 10_000;

/** What of an entry's observations somebody who looks through the recording jumps to. `offset` is the entry's. */
export function markersOf(observations: readonly Observation[], offset: number): Marker[] {
  return observations.flatMap((observation) => {
    const marked = markOf(observation);
    if (marked === undefined) return [];
    const { at } = observation;
    const channel = "channel" in observation ? observation.channel : 0;
    return [{ at, offset, channel, kind: marked.kind, text: marked.text.slice(0, MOST_TEXT) as ByteString }];
  });
}

function markOf(observation: Observation): { kind: Marker["kind"]; text: string } | undefined {
  switch (observation.kind) {
    case "logged-in":
      return { kind: "login", text: observation.user };
    case "channel-opened":
      return { kind: "channel", text: observation.type };
    case "command":
      return { kind: "command", text: observation.text };
    case "transfer":
      return { kind: "transfer", text: `${observation.direction} ${observation.path}` };
    case "forward":
      return { kind: "forward", text: `${observation.host}:${observation.port}` };
    case "network": {
      const { protocol, to, rule } = observation;
      return { kind: "network", text: `${protocol} ${to.address}:${to.port} ${rule}` };
    }
    default:
      return undefined;
  }
}
