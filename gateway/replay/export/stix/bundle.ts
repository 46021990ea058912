import { isIP } from "node:net";
import { asText, type ByteString } from "../../../model/bytes.ts";
import { showMicros } from "../../../model/timestamps.ts";
import { ourId, type StixId } from "./ids.ts";
import { tlpMarking, type Tlp } from "./markings.ts";
import { noteOf } from "./note.ts";
import { accountObject, addressObject, commandObject, connectionObject } from "./observables.ts";
import { sightObject, signOf, type Sign } from "./signs.ts";
import type { Made, StixObject } from "./stix-object.ts";
import type { StixSession } from "./stix-session.ts";

export interface BundleOptions {
  readonly tlp?: Tlp | undefined;
}

/**
 * A STIX 2.1 bundle out of sessions. Of each session one observed-data with all that was seen in it, and where there is something that no
 * observable is for, a note; of each thing that can be looked for an indicator, which is based on those observed-data, and a sighting. The
 * same sessions give the same bundle, whenever and wherever it is made.
 */
export class Bundle {
  readonly #objects = new Map<StixId, StixObject>();
  readonly #signs = new Map<StixId, { readonly sign: Sign; readonly seen: Seen[] }>();
  readonly #marking: Pick<Made, "object_marking_refs">;
  /** Sessions that were not taken in, because the bundle was full. */
  leftOut = 0;

  constructor({ tlp }: BundleOptions = {}) {
    if (tlp === undefined) this.#marking = {};
    else this.#marking = { object_marking_refs: [this.#put(tlpMarking(tlp))] };
  }

  add(session: StixSession): void {
    if (this.#objects.size + this.#signs.size > MOST_OBJECTS) {
      this.leftOut++;
      return;
    }
    const time = { start: showMicros(session.started), end: showMicros(session.ended) };
    const identity = this.#put(this.#identity(session.sensor));
    const made: Made = { created_by_ref: identity, created: time.end, modified: time.end, ...this.#marking };
    const refs = new Set<StixId>();
    const seen = (object: StixObject) => refs.add(this.#put(object));

    const source = isIP(session.source.address) === 0 ? undefined : addressObject(session.source.address);
    if (source !== undefined) {
      seen(source);
      seen(connectionObject(source, { from: session.source.port, to: session.listenerPort }, time));
    }
    if (session.user !== undefined) seen(accountObject(shown(session.user)));
    for (const { entry, text } of session.commands.slice(0, MOST_COMMANDS))
      if (text !== "") seen(commandObject(session.session, String(entry), shown(text)));
    const signs = session.indicators.flatMap((one) => signOf(one) ?? []);
    for (const { object } of signs) seen(object);
    if (refs.size === 0) return;

    const observed = this.#put({
      ...{
        type: "observed-data",
        spec_version: "2.1",
        id: ourId("observed-data", session.sensor, session.session),
      },
      ...made,
      first_observed: time.start,
      last_observed: time.end,
      number_observed: 1,
      object_refs: [...refs],
    });
    const note = noteOf(session, observed, made);
    if (note !== undefined) this.#put(note);
    const told =
      source !== undefined && session.attempts > 0 ? [...signs, sourceSign(session, source)] : signs;
    for (const sign of told) {
      const id = ourId("indicator", identity, sign.pattern);
      const known = this.#signs.get(id) ?? { sign, seen: [] };
      known.seen.push({ observed, identity, ...time });
      this.#signs.set(id, known);
    }
  }

  get bundle(): { readonly type: "bundle"; readonly id: StixId; readonly objects: readonly StixObject[] } {
    const objects = [...this.#objects.values(), ...this.#indicators()];
    return { type: "bundle", id: ourId("bundle", ...objects.map(({ id }) => id)), objects };
  }

  *#indicators(): Generator<StixObject> {
    for (const { sign, seen } of this.#signs.values()) {
      const first = seen.reduce((one, other) => (other.start < one.start ? other : one));
      const last = seen.reduce((one, other) => (other.end > one.end ? other : one));
      const made: Made = {
        created_by_ref: first.identity,
        created: first.start,
        modified: first.start,
        ...this.#marking,
      };
      // Its time is part of its id: with other sessions it may have been seen earlier, and is another version then.
      const id = ourId("indicator", first.identity, sign.pattern, first.start);
      yield {
        ...{ type: "indicator", spec_version: "2.1", id },
        ...made,
        name: sign.name,
        indicator_types: [sign.type],
        pattern: sign.pattern,
        pattern_type: "stix",
        pattern_version: "2.1",
        valid_from: first.start,
      };
      const observed = [...new Set(seen.map((one) => one.observed))];
      for (const target of observed.slice(0, MOST_REFERENCES))
        yield {
          ...{ type: "relationship", spec_version: "2.1", id: ourId("relationship", id, target) },
          ...made,
          relationship_type: "based-on",
          source_ref: id,
          target_ref: target,
        };
      yield sightObject(id, observed.slice(0, MOST_REFERENCES), seen.length, { first, last }, made);
    }
  }

  #identity(sensor: string): StixObject {
    return {
      type: "identity",
      spec_version: "2.1",
      id: ourId("identity", sensor),
      ...{ created: IDENTITY_TIME, modified: IDENTITY_TIME, ...this.#marking },
      name: sensor,
      description: "A high-interaction SSH honeypot (Mitsubako).",
      identity_class: "system",
    };
  }

  #put(object: StixObject): StixId {
    if (!this.#objects.has(object.id)) this.#objects.set(object.id, object);
    return object.id;
  }
}

/** A session in which something was seen. */
interface Seen {
  readonly observed: StixId;
  readonly identity: StixId;
  readonly start: string;
  readonly end: string;
}

/** Whoever tries a login there has no business to. */
function sourceSign({ loggedIn, source }: StixSession, object: StixObject): Sign {
  return {
    object,
    name: `SSH logins tried from ${source.address}`,
    type: loggedIn ? "malicious-activity" : "anomalous-activity",
    pattern: `[${object.type}:value = '${source.address}']`,
  };
}

/** Bytes as text, at most LONGEST of them. */
function shown(text: ByteString): string {
  return asText(text.slice(0, LONGEST) as ByteString);
}

/** The same for all objects of that id, so no time of any session. */
const IDENTITY_TIME = "2026-01-01T00:00:00.000Z";
const MOST_COMMANDS = 200;
const MOST_REFERENCES = 1000;
const MOST_OBJECTS = 200_000;
const LONGEST = 8192;
