/** What a policy may say and is dangerous, or never comes to anything: told with the place and a remedy, and refused only with `--strict`. */
import { toByteString } from "../model/bytes.ts";
import type { AuthRule, Policy } from "../model/policy.ts";
import type { PolicyDocument } from "./document.ts";
import type { Circumstances } from "./circumstances.ts";
import { machineId } from "../model/persona.ts";
import { compileMatcher } from "./matcher.ts";
import { everyPolicy, resolvedProfiles } from "./resolve.ts";
import { inProfile, isDoor, profiledPolicies } from "./overlay.ts";
import { renderProblem, showPath } from "./problem.ts";
import type { PolicyPath, Problem } from "./problem.ts";
import { compileRanges, isNeverPublic } from "./ranges.ts";
import { slips } from "./slips.ts";
import { showDuration, showSize } from "./units.ts";

interface Warning {
  readonly path: PolicyPath;
  readonly message: string;
}

/** More than this from one sandbox is a part in an attack, whoever calls it a cap. */
const LARGEST_CAP = 2 ** 30;

/** Of the policy, and of what it is with each of its profiles laid over it, as far as a profile makes a difference. */
export function warnings(policy: Policy, document: PolicyDocument, circumstances: Circumstances): Problem[] {
  const own = warningsOf(policy, document, circumstances);
  const known = new Set(own.map(renderProblem));
  const ofProfiles = profiledPolicies(policy, document).flatMap((profile) =>
    warningsOf(profile.policy, profile.document, circumstances)
      .filter((warning) => !known.has(renderProblem(warning)))
      .map((warning) => inProfile(profile, warning)),
  );
  return [...own, ...ofProfiles];
}

function warningsOf(policy: Policy, document: PolicyDocument, circumstances: Circumstances): Problem[] {
  return [
    ...nothing(document),
    ...root(policy, circumstances),
    ...unreachable(policy.auth.rules, document),
    ...room(policy, circumstances),
    ...crowdedOut(policy),
    ...elsewhere(policy),
    ...crowded(policy),
    ...times(policy),
    ...wayOut(policy, circumstances),
    ...webhook(policy),
    ...stillLetOut(policy),
    ...slips(policy),
  ].map(({ path, message }) => ({
    ...document.place(path),
    path: showPath(path),
    message: path.length === 0 ? message : `${showPath(path)} ${message}`,
  }));
}

/** A save that went wrong looks so. */
function nothing({ value }: PolicyDocument): Warning[] {
  return when(Object.keys(value ?? {}).length === 0, {
    path: [],
    message:
      "nothing stands in the policy: every value is its default, and whoever comes is let in. Write what is meant, or `extends: default.yaml`",
  });
}

function root({ auth, sandbox }: Policy, { userNamespaces }: Circumstances): Warning[] {
  const isLetIn =
    auth.root === "allow" &&
    (auth.otherwise === "accept" ||
      auth.rules.some(({ verdict, user }) => verdict === "accept" && meansRoot(user)));
  const isDangerous = sandbox.userns !== "required" && userNamespaces !== true;
  const engine =
    userNamespaces === undefined
      ? "where Docker Engine has none (`doctor` asks it, this does not),"
      : "and Docker Engine here has none:";
  return when(isLetIn && isDangerous, {
    path: ["auth", "root"],
    message: `is allow, and sandbox.userns does not ask for user namespaces: ${engine} a sandbox's root is the machine's root but for its capabilities. Write \`sandbox: { userns: required }\`, or \`auth: { root: refuse }\``,
  });
}

function meansRoot(user: AuthRule["user"]): boolean {
  return user === undefined || compileMatcher(user)(toByteString(Buffer.from("root")));
}

/** Rules below one that takes everybody. */
function unreachable(rules: readonly AuthRule[], document: PolicyDocument): Warning[] {
  const all = rules.findIndex(({ user, password, source }) => (user ?? password ?? source) === undefined);
  if (all === -1) return [];
  const { line } = document.place(["auth", "rules", all]);
  return rules.slice(all + 1).map((_, index) => ({
    path: ["auth", "rules", all + 1 + index],
    message: `never applies: the rule in line ${line} applies to everybody. Move it above that one, or give that one a user, password or source`,
  }));
}

function room({ sandbox, limits }: Policy, { memory }: Circumstances): Warning[] {
  const all = sandbox.most * sandbox.memory;
  return [
    ...when(memory !== undefined && all > memory, {
      path: ["sandbox", "most"],
      message: `is ${sandbox.most}, each with ${showSize(sandbox.memory)} of memory: ${gibibytes(all)} together, and this machine has ${gibibytes(memory ?? 0)}. Write at most ${Math.max(1, Math.floor((memory ?? 0) / sandbox.memory))}, or a smaller sandbox.memory`,
    }),
    ...when(limits.diskFloor === 0, {
      path: ["limits", "diskFloor"],
      message: "is 0: strangers may fill the disk, and then nothing is recorded. Write 2 GiB",
    }),
  ];
}

/** Spares are kept for each machine, and count among all sandboxes. */
function crowdedOut(policy: Policy): Warning[] {
  const { spares, most } = policy.sandbox;
  const machines = new Set(everyPolicy(policy).map(({ persona }) => machineId(persona))).size;
  return when(machines > 1 && spares * machines > most, {
    path: ["sandbox", "spares"],
    message: `is ${spares} for each of ${machines} personas, ${spares * machines} together, but only ${most} sandboxes may exist (sandbox.most). Write ${Math.floor(most / machines)} at most`,
  });
}

/** Only the first profile holds: one that is for a source or an hour takes the server of a listener away, if it stands before it. */
function elsewhere(policy: Policy): Warning[] {
  const all = policy.profiles.map((profile, index) => {
    const laid = resolvedProfiles(policy)[index]?.policy.persona ?? policy.persona;
    return { profile, index, machine: machineId(laid) };
  });
  return all.flatMap(({ profile: { match }, index, machine }) => {
    if (match.listener !== undefined || match.user !== undefined) return [];
    const taken = all.slice(index + 1).find((other) => isDoor(other.profile) && other.machine !== machine);
    return when(taken !== undefined, {
      path: ["profiles", index],
      message: `stands before profile ${JSON.stringify(taken?.profile.name)}, which shows another server at its listener: there, whoever this one is for meets this one's. Move it below, and write what it changes into a profile for that listener too`,
    });
  });
}

/** As measured: what a sandbox's own sshd takes for each session in it. */
const SSHD_OF_SESSION = 16 * 2 ** 20;
/** So many sessions at once come of one source as a rule at most, whatever would be let in. */
const LIKELY_SESSIONS = 8;

/** What does not fit into a sandbox's memory is killed in it, and somebody's session with it. */
function crowded({ sandbox, limits, source }: Policy): Warning[] {
  const possible = source.by === "network" ? Infinity : limits.connectionsPerSource;
  const sessions = sandbox.mode === "fresh" ? 1 : Math.min(possible, LIKELY_SESSIONS);
  const fitting = Math.floor(sandbox.memory / SSHD_OF_SESSION);
  const byAddress =
    source.by === "network" ? "" : `, or limits.connectionsPerSource: ${Math.max(1, fitting)}`;
  return when(fitting < sessions, {
    path: ["sandbox", "memory"],
    message: `is ${showSize(sandbox.memory)}: sshd takes 16 MiB of it for each session, so ${fitting} fit at once, and ${source.by === "network" ? "many" : limits.connectionsPerSource} may come of one address; what does not fit is killed. Write ${showSize(sessions * SSHD_OF_SESSION)} or more${byAddress}`,
  });
}

function times({ sandbox, deadlines }: Policy): Warning[] {
  const { life, idle } = sandbox;
  const over = (path: readonly [string, string], duration: number, remedy: string): Warning[] =>
    when(duration > life, {
      path,
      message: `is ${showDuration(duration)}, longer than a sandbox lives (sandbox.life: ${showDuration(life)}), which ends first. ${remedy}`,
    });
  const asLong = `Write ${showDuration(life)} at most, or a longer sandbox.life`;
  return [
    ...over(["deadlines", "session"], deadlines.session, asLong),
    ...over(["deadlines", "idle"], deadlines.idle, asLong),
    ...over(["deadlines", "login"], deadlines.login, asLong),
    ...over(["sandbox", "idle"], idle, asLong),
  ];
}

function wayOut({ listen, network, sandbox }: Policy, { operator }: Circumstances): Warning[] {
  const { egress, ports, caps, fences, openFences } = network;
  const opening = ports.findIndex((entry) => entry.egress === "limited");
  if (egress !== "limited" && opening === -1) return [];
  const path: PolicyPath = egress === "limited" ? ["network", "egress"] : ["network", "ports", opening];
  const hours = caps.per === "hour" ? Math.ceil(sandbox.life / 3_600_000) : 1;
  const isListeningEverywhere = listen.some(({ address }) => address === "0.0.0.0" || address === "::");
  return [
    ...when(caps.up * hours > LARGEST_CAP, {
      path: ["network", "caps", "up"],
      message: `is ${showSize(caps.up)}${hours > 1 ? ` for each of ${hours} hours` : ""}, as good as no cap: one sandbox may take part in an attack with it. Write 5 MiB`,
    }),
    ...openFences.map((range, index) => ({
      path: ["network", "openFences", index],
      message: `lets strangers connect to ${range}, which is private or the machine's own network. Remove it, unless only what is meant for them is there`,
    })),
    ...when(isListeningEverywhere && fences.length === 0 && operator === undefined, {
      path,
      message:
        "lets sandboxes out, the gateway listens on every address, and nothing of your own is fenced. Write the addresses that you work from and what else you run into network.fences",
    }),
    ...operatorUnfenced(operator, isListeningEverywhere, network).map((message) => ({ path, message })),
  ];
}

/** Who reads `sinkhole` or `dns` in a profile thinks that nothing leaves; the policy's entries for single ports hold as well. */
function stillLetOut({ network, profiles }: Policy): Warning[] {
  const entry = network.ports.findIndex(({ egress }) => egress === "limited");
  return profiles.flatMap(({ network: own }, index) =>
    when(entry !== -1 && own?.ports === undefined && (own?.egress === "sinkhole" || own?.egress === "dns"), {
      path: ["profiles", index, "network", "egress"],
      message: `is ${own?.egress ?? ""}, and network.ports[${entry}] of the policy still lets out what it is for. Write \`ports: []\` beside it, or the entries that are meant`,
    }),
  );
}

function operatorUnfenced(
  operator: string | undefined,
  isListeningEverywhere: boolean,
  { fences, openFences }: Policy["network"],
): string[] {
  // IPv6 has no way out.
  if (operator === undefined || !isListeningEverywhere || operator.includes(":")) return [];
  const isOpen = compileRanges(openFences)(operator);
  if (!isOpen && (isNeverPublic(operator) || compileRanges(fences)(operator))) return [];
  const remedy = isOpen
    ? "Take it out of network.openFences"
    : `Write \`fences: [${operator}]\` into network`;
  return [
    `lets sandboxes out, the gateway listens on every address, and ${operator}, from where you are working now, is not fenced: strangers can reach it. ${remedy}`,
  ];
}

function webhook({ events }: Policy): Warning[] {
  return when(events.webhook?.plaintext === true, {
    path: ["events", "webhook", "plaintext"],
    message:
      "is true: passwords and everything else can be read on the way. Use https, and `caFile` for a certificate of your own",
  });
}

function when(isSo: boolean, warning: Warning): Warning[] {
  return isSo ? [warning] : [];
}

function gibibytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}
