/** Builds the default persona's sandbox image where it is missing, so that no two tests build it at once. */
import { MitsubakoError } from "../model/errors.ts";
import { Engine } from "../sandbox/docker.ts";
import { buildImage } from "../sandbox/image/build.ts";

try {
  await buildImage(new Engine(), {
    persona: "debian-12",
    progress: ({ percent, text }) => {
      process.stderr.write(`set-up: sandbox image ${String(percent).padStart(3)} %: ${text}\n`);
    },
  });
} catch (error) {
  if (!(error instanceof MitsubakoError)) throw error;
  process.stderr.write(
    `mitsubako: ${error.message}${error.remedy === undefined ? "" : ` ${error.remedy}`}\n`,
  );
  process.exitCode = 2;
}
