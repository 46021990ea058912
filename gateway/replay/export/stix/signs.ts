import type { Indicator } from "../../../evidence/indicators/indicator.ts";
import { asText, type ByteString } from "../../../model/bytes.ts";
import type { StixId } from "./ids.ts";
import {
  accountObject,
  addressObject,
  domainObject,
  fileObject,
  hashName,
  urlObject,
} from "./observables.ts";
import type { Made, StixObject } from "./stix-object.ts";
import { stixUrl } from "./stix-url.ts";

/** Something that can be looked for: the observable that was seen, and the pattern that finds it. */
export interface Sign {
  readonly object: StixObject;
  readonly name: string;
  readonly type: "malicious-activity" | "anomalous-activity";
  readonly pattern: string;
}

/** Undefined: STIX has no observable for such a thing; it stands in the session's note. */
export function signOf({ kind, value, details }: Indicator): Sign | undefined {
  switch (kind) {
    case "url": {
      const url = stixUrl(value);
      return sign(urlObject(url), `URL ${url}`, `url:value = ${quoted(url)}`);
    }
    case "domain":
      return sign(domainObject(value), `Domain ${value}`, `domain-name:value = ${quoted(value)}`);
    case "address": {
      const object = addressObject(value);
      return sign(object, `Address ${value}`, `${object.type}:value = ${quoted(value)}`);
    }
    case "hash": {
      const name = hashName(value);
      const path = details?.["path"];
      return sign(
        fileObject(
          value,
          path === undefined ? undefined : asText(path.slice(path.lastIndexOf("/") + 1) as ByteString),
        ),
        `File with ${name} ${value}`,
        `file:hashes.'${name}' = ${quoted(value)}`,
      );
    }
    case "user-made":
      return sign(
        accountObject(asText(value)),
        `Account ${asText(value)} was made`,
        `user-account:account_login = ${quoted(asText(value))}`,
      );
    default:
      return undefined;
  }
}

/** That an indicator was met: how often, when, in which sessions, by whom. */
export function sightObject(
  indicator: StixId,
  observed: readonly StixId[],
  count: number,
  { first, last }: { readonly first: SeenAt; readonly last: SeenAt },
  made: Made,
): StixObject {
  return {
    type: "sighting",
    spec_version: "2.1",
    id: indicator.replace(/^indicator/, "sighting") as StixId,
    ...made,
    first_seen: first.start,
    last_seen: last.end,
    count,
    sighting_of_ref: indicator,
    observed_data_refs: observed,
    where_sighted_refs: [first.identity],
  };
}

interface SeenAt {
  readonly start: string;
  readonly end: string;
  readonly identity: StixId;
}

function sign(object: StixObject, name: string, comparison: string): Sign {
  return { object, name, type: "malicious-activity", pattern: `[${comparison}]` };
}

/** A string of the patterning language (section 9.2): only these two mean something in it. */
function quoted(text: string): string {
  return `'${text.replace(/[\\']/g, "\\$&")}'`;
}
