#!/usr/bin/env node
/** argv → subcommand. Each command's code is loaded only when it is called. */
import { join } from "node:path";
import { Command, CommanderError, Option } from "commander";
import { dataOption, jsonOption, policyOption } from "./commands/common-options.ts";
import { keepCompiled } from "./commands/compiled.ts";
import { addExportCommand } from "./commands/export-options.ts";
import { addFilterOptions } from "./commands/filter-options.ts";
import { addIndicatorsCommand } from "./commands/indicators-options.ts";
import { givenPath } from "./commands/paths.ts";
import { addPersonaCommands } from "./commands/persona-commands.ts";
import { addPolicyCommands } from "./commands/policy-commands.ts";
import { addTellingCommands } from "./commands/telling.ts";
import { escapeText } from "./model/bytes.ts";
import { ERROR_CODES, MitsubakoError } from "./model/errors.ts";

const program = new Command("mitsubako")
  .description(
    "A high-interaction SSH honeypot: strangers land in a real Linux of their own, and every byte is kept.",
  )
  .version("0.1.0")
  // Of `files` and `files get` each knows the same options: what stands behind `get` is its own.
  .enablePositionalOptions()
  .exitOverride()
  .showHelpAfterError("(mitsubako --help tells what can be called)");

const data = dataOption;
const policy = policyOption;
const json = jsonOption;
const collect = (value: string, earlier: string[] | undefined) => [...(earlier ?? []), value];

program
  .command("serve")
  .description("run the gateway in the foreground")
  .addOption(policy())
  .addOption(data())
  .addOption(
    new Option(
      "--listen <address:port>",
      "listen here instead of where the policy says; can be repeated (MITSUBAKO_LISTEN: separated by commas)",
    ).argParser(collect),
  )
  .addOption(json())
  .action(async (options: { policy: string; data: string; listen?: string[]; json?: true }) => {
    const { serveCommand } = await import("./commands/serve.ts");
    process.exitCode = await serveCommand(options);
  });

program
  .command("doctor")
  .description(
    "tell whether this machine can run the gateway and contain sandboxes, and what to do where it cannot",
  )
  .addOption(policy())
  .addOption(data())
  .option("--webhook", "connect to the policy's webhook, without sending a request")
  .option("--no-probe", "do not try from inside a throw-away sandbox what it can reach (some ten seconds)")
  .addOption(json())
  .action(async (options: { policy: string; data: string; probe: boolean; webhook?: true; json?: true }) => {
    const { doctorCommand } = await import("./commands/doctor.ts");
    process.exitCode = await doctorCommand(options);
  });

addPolicyCommands(program);

addPersonaCommands(program);

program
  .command("status")
  .description("tell how the gateway is: the policy in force, what was refused, sandboxes, sessions, caps")
  .addOption(data())
  .addOption(json())
  .action(async (options: { data: string; json?: true }) => {
    const { statusCommand } = await import("./commands/status.ts");
    process.exitCode = await statusCommand({ ...options, data: givenPath(options.data) });
  });

addFilterOptions(program.command("sessions").description("list who came, the latest first").addOption(data()))
  .addOption(json())
  .action(async (options: { data: string }) => {
    const { sessionsCommand } = await import("./commands/sessions.ts");
    process.exitCode = await sessionsCommand({ ...options, data: givenPath(options.data) });
  });

addFilterOptions(
  program
    .command("search")
    .description("find sessions by what was said, run, brought or left in them, and show where")
    .argument(
      "[text...]",
      "words or parts of addresses, names, passwords, commands, paths, hashes, versions, targets; each is found",
    )
    .addOption(data()),
)
  .addOption(json())
  .action(async (texts: string[], options: { data: string }) => {
    const { searchCommand } = await import("./commands/search.ts");
    process.exitCode = await searchCommand(texts, { ...options, data: givenPath(options.data) });
  });

addTellingCommands(program);

addIndicatorsCommand(program);

program
  .command("play")
  .description("play a session's terminal as it was")
  .argument("<session>", "its id, the beginning of one, or a recording's path")
  .addOption(data())
  .option("--speed <n>", "times as fast", Number)
  .option("--idle-limit <seconds>", "make no pause longer than this", Number)
  .option("--channel <n>", "play this channel; all: each that was started, in turn", (given) =>
    given === "all" ? given : Number(given),
  )
  .option("--from <time>", "begin there: 90, 1:30, 10%, 02:16:00Z, 2026-11-23T02:16:00Z")
  .option("--follow", "of a session that still lives: what happens now, as it happens")
  .option("--input", "show what was typed, in a row of its own")
  .option("--no-status", "no row of this program's own on the terminal")
  .option("--raw", "the channel's output to the byte, at once (not to a terminal)")
  .option("--resize", "ask this terminal to take the recorded sizes")
  .action(async (session: string, { data: folder, ...options }: { data: string }) => {
    const { playCommand } = await import("./replay/play.ts");
    const { stdin, stdout, stderr } = process;
    process.exitCode = await playCommand(
      { session, ...options },
      { stdin, stdout, stderr },
      await finder(folder),
    );
  });

addExportCommand(program, finder);

program
  .command("verify")
  .description("say whether recordings are what was written")
  .argument("[session...]", "ids, beginnings of ids, or recordings' paths (all, and the ledger itself)")
  .addOption(data())
  .option("--ledger <file>", "a ledger from elsewhere (the data folder's)")
  .option("--key <file>", "the key that it is believed by (the data folder's ledger.pub)")
  .addOption(json())
  .action(
    async (sessions: string[], options: { data: string; ledger?: string; key?: string; json?: true }) => {
      const { verifyCommand } = await import("./replay/verify-command.ts");
      const { everyRecording, ledgerFiles } = await import("./commands/verified.ts");
      const files = ledgerFiles(options);
      process.exitCode = await verifyCommand(
        { sessions, ...(files && { ledger: files }), ...(options.json && { json: true }) },
        process,
        await finder(options.data),
        () => everyRecording(givenPath(options.data)),
      );
    },
  );

const files = program
  .command("files")
  .description("list what changed in sandboxes, what was run or deleted there, and the files that were kept")
  .addOption(data())
  .option("--session <id>", "only of the sandbox that this session was in")
  .option("--source <address>", "only of this source, or a pattern such as 203.0.113.*")
  .option("--sandbox <id>", "only of this sandbox")
  .option("--since <time>", "only since then: 2h, 3d, or a date")
  .option("--type <type>", "only of this type: elf, script, archive, text, ...")
  .option("--grown", "also logs and the like that services went on writing by themselves")
  .addOption(json())
  .action(async (options: { data: string }) => {
    const { filesCommand } = await import("./commands/files.ts");
    process.exitCode = await filesCommand({ ...options, data: givenPath(options.data) });
  });
files
  .command("get")
  .description("copy a kept file out; it may be malware")
  .argument("<sha256>", "its hash, or the beginning of one")
  .addOption(data())
  .option("-o, --output <file>", "where to; - for standard output")
  .action(async (what: string, options: { data: string; output?: string }) => {
    const { filesGetCommand } = await import("./commands/files-get.ts");
    process.exitCode = await filesGetCommand(what, { ...options, data: givenPath(options.data) });
  });
files
  .command("show")
  .description("tell all sessions, sources, paths and URLs of one content")
  .argument("<sha256>", "its hash, or the beginning of one")
  .addOption(data())
  .addOption(json())
  .action(async (what: string, options: { data: string; json?: true }) => {
    const { filesShowCommand } = await import("./commands/files-show.ts");
    process.exitCode = await filesShowCommand(what, { ...options, data: givenPath(options.data) });
  });

program
  .command("rebuild")
  .description("make the index again, from recordings and captures alone; no gateway may be working on them")
  .addOption(data())
  .option("--events <folder>", "make the events again, too, in this new folder")
  .addOption(json())
  .action(async (options: { data: string; events?: string; json?: true }) => {
    const { rebuildCommand } = await import("./commands/rebuild.ts");
    process.exitCode = await rebuildCommand(options);
  });

program
  .command("reap")
  .description("remove what gateways that died have left: containers, networks, rules, mounts")
  .option("--dry-run", "only tell what would be removed")
  .addOption(json())
  .action(async (options: { dryRun?: true; json?: true }) => {
    const { reapCommand } = await import("./commands/reap.ts");
    process.exitCode = await reapCommand(options);
  });

program
  .command("caps")
  .description("tell what each sandbox has used of its byte caps, and what is left")
  .option("--prometheus", "in Prometheus' text format")
  .addOption(json())
  .action(async (options: { json?: true; prometheus?: true }) => {
    const { capsCommand } = await import("./commands/caps.ts");
    process.exitCode = await capsCommand(options);
  });

const image = program.command("image").description("sandbox images");
image
  .command("build")
  .description("build the sandbox image from the Debian archive")
  .argument("[persona]", "which one", "debian-12")
  .option("--force", "also when it is there already")
  .addOption(data())
  .addOption(json())
  .action(async (persona: string, options: { data: string; force?: true; json?: true }) => {
    const { imageBuildCommand } = await import("./commands/image.ts");
    process.exitCode = await imageBuildCommand(persona, options);
  });

// Whoever reads our output may stop early, as `head` does.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});
// A gateway starts once, and its processes have no folder of ours to write to.
if (process.argv[2] !== "serve") keepCompiled(join(import.meta.dirname, ".."));
await run();

/** Finds a session's recording by its id or the beginning of one. */
async function finder(folder: string): Promise<(session: string) => Promise<string>> {
  const { findRecordings } = await import("./index/find-recording.ts");
  const dataFolder = givenPath(folder);
  return (session) => {
    const [found, ...others] = findRecordings(dataFolder, session);
    if (found && others.length === 0) return Promise.resolve(join(dataFolder, found.path));
    return Promise.reject(
      new MitsubakoError(
        "not-found",
        found
          ? `Several sessions begin with ${escapeText(session)}.`
          : `There is no session ${escapeText(session)} in ${dataFolder}.`,
        { remedy: "`mitsubako sessions` lists them." },
      ),
    );
  };
}

async function run(): Promise<void> {
  try {
    await program.parseAsync();
  } catch (error) {
    process.exitCode = told(error);
  }
}

/** Says what went wrong in one sentence with its remedy, and gives the exit code. */
function told(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof MitsubakoError) {
    process.stderr.write(`mitsubako: ${error.message}${error.remedy ? ` ${error.remedy}` : ""}\n`);
    if (process.env["MITSUBAKO_LOG"] === "debug") console.error(error);
    return ERROR_CODES[error.code].exit;
  }
  if (
    error instanceof Error &&
    "code" in error &&
    ("syscall" in error || error.code === "ERR_SQLITE_ERROR")
  ) {
    const remedy = process.getuid?.() === 0 ? "" : " The data folder is root's: run it with sudo.";
    process.stderr.write(`mitsubako: ${escapeText(error.message)}.${remedy}\n`);
    return 2;
  }
  console.error("mitsubako: a defect of ours; please report it with what follows.", error);
  return 2;
}
