/** The export command as a program that says on its standard error, last, how much memory it had at most, in kilobytes. */
import { exportCommand } from "../../../gateway/replay/export/export.ts";
import type { ExportOptions } from "../../../gateway/replay/export/export-options.ts";

const options = JSON.parse(process.argv[2] ?? "{}") as ExportOptions;
process.exitCode = await exportCommand(options, process, (session) =>
  Promise.reject(new Error(`no session ${session}`)),
);
process.stderr.write(`\n${process.resourceUsage().maxRSS}`);
