/** Builds the named personas' sandbox images where they are missing, so that no two tests build one at once. */
import { MitsubakoError } from "../model/errors.ts";
import { Engine } from "../sandbox/docker.ts";
import { buildImage } from "../sandbox/image/build.ts";
import { inquire } from "../ssh/inquiry/inquire.ts";

try {
  for (const persona of process.argv.slice(2))
    await buildImage(new Engine(), {
      persona,
      inquire,
      progress: ({ percent, text }) => {
        process.stderr.write(`set-up: sandbox image ${persona} ${String(percent).padStart(3)} %: ${text}\n`);
      },
    });
} catch (error) {
  if (!(error instanceof MitsubakoError)) throw error;
  process.stderr.write(
    `mitsubako: ${error.message}${error.remedy === undefined ? "" : ` ${error.remedy}`}\n`,
  );
  process.exitCode = 2;
}
