import { asText, type ByteString } from "../model/bytes.ts";
import { showEndpoint } from "../model/endpoint.ts";
import { NETWORK_RULES, type NetworkFact } from "../model/network-facts.ts";
import type { Observation } from "../evidence/observation.ts";
import { simpleCommands } from "../evidence/simple-commands.ts";
import type { EventBody } from "./cowrie-event.ts";
import { field, type EventRows } from "./field.ts";
import { textField } from "./text-fields.ts";

export const FAILED_DOWNLOAD_EVENTS: EventRows = {
  "session.file_download.failed": {
    when: "a URL that `wget` or `curl` was given, and whose very address and port, or name, was then denied to the sandbox",
    fields: {
      url: field("text"),
      error: field("string", "which rule denied it"),
      mitsubako_rule: field("string"),
    },
  },
};

/** Of one session; what is asked for beyond is not told as failed. */
const MOST_URLS = 500;

/**
 * Knows the URLs that commands of a session were to fetch, and tells which of them could not be: only where what was denied is exactly
 * what the URL names. A download that failed for another reason (a server that is down) is not seen here.
 */
export class FailedDownloads {
  /** By where they lead: `203.0.113.9:80`, or a name. */
  readonly #asked = new Map<string, Set<string>>();
  #count = 0;

  observe(observation: Observation): EventBody[] {
    switch (observation.kind) {
      case "command":
        this.#read(simpleCommands(observation.text).flatMap(({ words, exact }) => (exact ? [words] : [])));
        return [];
      case "process":
        if (observation.did === "run" && observation.errno === undefined) this.#read([observation.argv]);
        return [];
      case "network":
        return NETWORK_RULES[observation.rule].outcome === "denied" ? this.#denied(observation) : [];
      default:
        return [];
    }
  }

  #read(commands: readonly (readonly ByteString[])[]): void {
    for (const words of commands) {
      const programs = words.slice(0, 2).map((word) => word.slice(word.lastIndexOf("/") + 1));
      const isFetch =
        FETCHERS.has(programs[0] ?? "") || (programs[0] === "busybox" && programs[1] === "wget");
      if (!isFetch) continue;
      for (const word of words.slice(1)) {
        const url = urlOf(word);
        if (url === undefined || this.#count >= MOST_URLS) continue;
        this.#count++;
        for (const place of placesOf(url)) {
          const urls = this.#asked.get(place) ?? new Set();
          this.#asked.set(place, urls.add(url.text));
        }
      }
    }
  }

  #denied({ rule, protocol, to, name }: NetworkFact): EventBody[] {
    const isQuestion = to.port === 53 && name !== undefined;
    const place = isQuestion ? asText(name).toLowerCase() : protocol === "tcp" ? showEndpoint(to) : "";
    const urls = this.#asked.get(place) ?? [];
    this.#asked.delete(place);
    return Array.from(urls, (url) => ({
      eventid: "cowrie.session.file_download.failed",
      message: `Download of ${url} failed: denied by the rule ${rule}`,
      ...textField("url", url),
      error: `denied by the rule ${rule}`,
      mitsubako_rule: rule,
    }));
  }
}

const FETCHERS: ReadonlySet<string> = new Set(["wget", "curl"]);

interface Fetched {
  readonly text: string;
  readonly url: URL;
}

/** Programs take an address and a path without a scheme, too. */
function urlOf(word: ByteString): Fetched | undefined {
  const text = /^(?:\d{1,3}\.){3}\d{1,3}(?::\d{1,5})?\//.test(word) ? `http://${word}` : String(word);
  if (text.length > 2048 || !/^(?:https?|ftp):\/\/[\x21-\x7e]+$/i.test(text)) return undefined;
  const url = URL.parse(text);
  return url === null ? undefined : { text, url };
}

function placesOf({ url: { protocol, hostname, port } }: Fetched): string[] {
  const number = port === "" ? { "http:": 80, "https:": 443, "ftp:": 21 }[protocol] : Number(port);
  const isAddress = /^[\d.]+$/.test(hostname);
  return isAddress ? [`${hostname}:${number ?? 0}`] : [hostname];
}
