/** Starts the loader, says its process id and waits to be killed. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { childUid, TAP_INDEX } from "../../gateway/model/slot.ts";
import { makeTapKit, startTap } from "../../gateway/warden/watch/tap.ts";

const folder = mkdtempSync(join(tmpdir(), "mitsubako-test-tap-"));
const tap = await startTap(await makeTapKit(folder), childUid(15, TAP_INDEX), "pipe");
rmSync(folder, { recursive: true });
process.stdout.write(`${tap.pid ?? 0}\n`);
setInterval(() => undefined, 1000);
