import type { ByteString } from "../../model/bytes.ts";
import type { SandboxFact } from "../../model/sandbox-facts.ts";
import type { LateFactRead } from "../late-facts.ts";
import type { Observation } from "../observation.ts";
import { commandsIn, type SimpleCommand } from "../simple-commands.ts";
import { accountOfPasswd, changed } from "./accounts.ts";
import { Gatherer } from "./gatherer.ts";
import type { Found, Indicator } from "./indicator.ts";
import { TriedOnNetwork } from "./network-indicators.ts";
import { written } from "./planting.ts";
import { scanText } from "./scan-text.ts";
import { commandIndicators, shellIndicators } from "./shell-text.ts";
import { sshKeysIn } from "./ssh-keys.ts";
import { agentIn } from "./user-agents.ts";
import { verbOf } from "./verb.ts";

/** The indicators in what was observed of a session, each with the entries that told it. Pure. */
export function sessionIndicators(observations: readonly Observation[]): Indicator[] {
  const gatherer = new Gatherer();
  const session = new Session(observations);
  for (const one of observations) gatherer.add(session.told(one), { entry: one.entry, at: one.at });
  return gatherer.indicators;
}

/** As `sessionIndicators`, of what was done in its sandbox when it was over. */
export function lateIndicators(facts: readonly LateFactRead[]): Indicator[] {
  const gatherer = new Gatherer();
  const tried = new TriedOnNetwork(facts.map(({ fact }) => fact));
  for (const { at, fact } of facts) gatherer.add(toldByFact(fact, undefined, tried), { late: at });
  return gatherer.indicators;
}

class Session {
  readonly #own: ReadonlySet<string>;
  readonly #tried: TriedOnNetwork;
  #user: ByteString | undefined;
  /** Channels in which `passwd` was started last, with whose password, and the line that was typed last. */
  readonly #asking = new Map<number, { readonly account: string; last: string | undefined }>();

  constructor(observations: readonly Observation[]) {
    this.#own = new Set(observations.flatMap(ownAddresses));
    this.#tried = new TriedOnNetwork(observations);
  }

  told(one: Observation): Found[] {
    return this.#of(one).filter(
      ({ kind, value }) => !this.#own.has(kind === "url" ? hostOfUrl(value) : value),
    );
  }

  #of(one: Observation): Found[] {
    switch (one.kind) {
      case "logged-in":
        this.#user = one.user;
        return [];
      case "command": {
        const { name, operands } = verbOf(one.text.split(/\s+/, MOST_WORDS));
        const account = name === "passwd" ? accountOfPasswd(operands, this.#user) : undefined;
        if (account === undefined) this.#asking.delete(one.channel);
        else this.#asking.set(one.channel, { account, last: undefined });
        return shellIndicators(one.text, this.#user);
      }
      case "typed":
        return [...this.#newPassword(one.channel, one.text), ...scanText(one.text), ...sshKeysIn(one.text)];
      case "transfer":
        return one.direction === "download" ? [] : broughtFile(one.path, one.sha256);
      case "dropped": {
        const isFile = one.size >= SMALLEST_DROPPED || one.decoded !== undefined;
        return isFile && one.appended !== true && one.certainty === "written"
          ? broughtFile(one.path, one.sha256)
          : [];
      }
      case "file-operation":
        return one.done && one.to !== undefined && one.operation !== "hardlink" ? written(one.to, "") : [];
      case "forward":
        return this.#tried.of(one);
      case "forward-data":
        return agentIn(one.data);
      case "network":
      case "process":
      case "file":
        return toldByFact(one, this.#user, this.#tried);
      default:
        return [];
    }
  }

  /** The prompts ask for the old password, then twice for the new one. */
  #newPassword(channel: number, line: string): Found[] {
    const asking = this.#asking.get(channel);
    if (asking === undefined) return [];
    if (asking.last === line && line !== "") {
      this.#asking.delete(channel);
      return [changed(asking.account, line)];
    }
    asking.last = line;
    return [];
  }
}

function toldByFact(fact: SandboxFact, user: string | undefined, tried: TriedOnNetwork): Found[] {
  switch (fact.kind) {
    case "network":
      return tried.of(fact);
    case "process":
      if (fact.did === "connect") return tried.of(fact);
      return fact.did === "run" && fact.server !== true && fact.errno === undefined
        ? programIndicators(fact.argv, user)
        : [];
    case "file":
      // Programs of the system leave and delete files of their own while they work.
      return fact.how === "run" || fact.how === "run-and-deleted"
        ? broughtFile(fact.path, fact.sha256)
        : written(fact.path, "");
    default:
      return fact satisfies never;
  }
}

function programIndicators(argv: readonly ByteString[], user: string | undefined): Found[] {
  const given = commandsIn(argv);
  if (given !== undefined) return shellIndicators(given as ByteString, user);
  const command: SimpleCommand = {
    words: argv,
    redirects: [],
    assignments: [],
    piped: false,
    exact: true,
    depth: 0,
  };
  return commandIndicators(command, undefined, user);
}

function broughtFile(path: string, sha256: string | undefined): Found[] {
  const hash: Found[] =
    sha256 === undefined || sha256 === OF_NOTHING
      ? []
      : [{ kind: "hash", value: sha256 as ByteString, details: { path: path as ByteString } }];
  return [...hash, ...written(path, "")];
}

/** Of the gateway and of the sandbox. */
function ownAddresses(one: Observation): string[] {
  if (one.kind === "session-opened") return [one.listener.address];
  return one.kind === "sandbox-leased" ? [one.address] : [];
}

function hostOfUrl(url: string): string {
  return /^[a-z0-9+]+:\/\/(?:[^/?#]*@)?(\[[^\]]*\]|[^/:?#]*)/.exec(url)?.[1]?.replace(/^\[|\]$/g, "") ?? "";
}

/** Bytes. What `echo` writes in a line is no file that anybody has again. */
const SMALLEST_DROPPED = 128;
const OF_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
/** `passwd` and the options before it stand among the first words. */
const MOST_WORDS = 16;
