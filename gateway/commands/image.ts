import { join } from "node:path";
import { Engine } from "../sandbox/docker.ts";
import { buildImage } from "../sandbox/image/build.ts";
import { inquire } from "../ssh/inquiry/inquire.ts";
import { givenPath } from "./paths.ts";
import { progressOn } from "./progress.ts";

export async function imageBuildCommand(
  persona: string,
  options: { data: string; force?: true; json?: true },
): Promise<number> {
  const { built } = await buildImage(new Engine(), {
    persona,
    personas: join(givenPath(options.data), "personas"),
    inquire,
    again: options.force === true,
    progress: progressOn(process.stderr),
  });
  process.stdout.write(
    options.json
      ? `${JSON.stringify({ persona, built })}\n`
      : built
        ? `The sandbox image ${persona} is built.\n`
        : `The sandbox image ${persona} is there already, made from the same inputs; --force builds it again.\n`,
  );
  return 0;
}
