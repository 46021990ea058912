/**
 * Who may import whom: DESIGN section 5 as data. A module is a folder of gateway/ (or a file directly in it). Each line may name only modules of
 * the lines above (or one file of such a module), so the table itself has no cycle.
 */
export const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  model: [],
  log: ["model"],

  policy: ["model"],
  ssh: ["model"],
  sandbox: ["model"],
  firewall: ["model"],
  recording: ["model"],
  // It plays the world to the sandboxes, in a process that holds nothing.
  outpost: ["model"],
  // It reads what strangers' programs did, in another such process.
  watcher: ["model"],
  // It talks with a machine elsewhere, in a process that holds nothing but the spool.
  courier: ["model"],

  // A recording holds SSH payloads: whoever reads one needs ssh/messages to parse them.
  evidence: ["model", "recording", "ssh"],
  // What they write are the observations and summaries that evidence makes of a recording.
  events: ["model", "evidence"],
  index: ["model", "evidence"],

  // The process that talks to strangers has no part in containers and netfilter.
  front: ["model", "log", "policy", "ssh", "recording"],
  // Root parses nothing that strangers sent: no ssh, no evidence, of recordings only what moves whole files.
  warden: ["model", "log", "policy", "sandbox", "firewall", "recording/sync.ts", "recording/seal-footer.ts"],
  archivist: ["model", "log", "policy", "recording", "evidence", "events", "index"],
  replay: ["model", "recording", "ssh", "evidence", "events", "index"],
  dashboard: ["model", "log", "recording", "ssh", "evidence", "events", "index", "replay"],

  // It asks a new image's sshd what it says of itself.
  setup: ["model", "log", "policy", "ssh", "sandbox", "firewall"],
  // The composition root: builds warden and fronts out of everything.
  serve: [
    ...["model", "log", "policy", "ssh", "sandbox", "firewall", "recording", "evidence", "events", "index"],
    ...["front", "warden", "archivist", "replay", "dashboard"],
  ],
  // What a sub-command does; one of them is `serve`.
  commands: [
    ...["model", "log", "policy", "ssh", "sandbox", "firewall", "recording", "evidence", "events", "index"],
    ...["front", "warden", "courier", "archivist", "replay", "dashboard", "serve"],
  ],
  main: [
    ...["model", "log", "policy", "ssh", "sandbox", "firewall", "recording", "evidence", "events", "index"],
    ...["front", "warden", "courier", "archivist", "replay", "dashboard", "serve", "commands"],
  ],
};

/** Each dependency is wrapped once (STYLE 2.9): where its name may stand. A folder ends in a slash. */
export const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  ssh2: ["ssh/"],
  dockerode: ["sandbox/"],
  "tar-stream": ["sandbox/"],
  // Values that come from outside are checked where they come in.
  zod: [
    "model/policy.ts",
    "model/policy-keeping.ts",
    "model/policy-network.ts",
    "model/policy-profile.ts",
    "model/policy-sections.ts",
    "model/policy-units.ts",
    "model/policy-webhook.ts",
    "policy/",
    "warden/",
    "sandbox/image/learned.ts",
    "sandbox/image/persona-file.ts",
  ],
  yaml: ["policy/"],
  re2js: ["policy/"],
  maxmind: ["policy/"],
  "ipaddr.js": ["policy/", "firewall/"],
  "lru-cache": ["policy/", "sandbox/"],
  // Which names can be somebody's: the registries' suffixes.
  tldts: ["evidence/indicators/"],
  commander: ["main.ts", "commands/"],
  // Its Logger type is what is passed around; it is made in log.ts.
  pino: ["log.ts", "serve.ts", "commands/", "front/", "warden/", "archivist/", "sandbox/"],
  "pino-pretty": ["log.ts"],
  "@xterm/headless": ["replay/export/headless-terminal.ts"],
  "asciinema-player": ["replay/export/html.ts"],
  "node:sqlite": ["index/"],
};

/** Files over 300 lines, each with its reason. */
export const LONG_FILES: Readonly<Record<string, string>> = {
  "sandbox/lifecycle.ts": "the states of one sandbox, whose transitions are read together",
  "sandbox/pool.ts": "one queue and its rules, which hold only when seen side by side",
  "warden/warden.ts": "what the one process with all the rights holds, and in which order it comes and goes",
  "ssh/transport/connection.ts":
    "one connection's state machine: identification, packets and rekeying share every field",
  "ssh/transport/key-exchange.ts": "one exchange in both roles, step by step as RFC 4253 section 8 has it",
};
