/** The play command as a program, for the tests that give it a terminal: its first argument is a JSON object of PlayOptions. */
import type { PlayOptions } from "../../gateway/replay/play-options.ts";
import { playCommand } from "../../gateway/replay/play.ts";

const options = JSON.parse(process.argv[2] ?? "{}") as PlayOptions;
process.exitCode = await playCommand(options, process, (session) =>
  Promise.reject(new Error(`no session ${session}`)),
);
