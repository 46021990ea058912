/** A front in a process of its own, whose memory the parent asks for by sending any message. */
import { createPrivateKey } from "node:crypto";
import { startFront } from "./front.ts";
import type { Sshd } from "./sshd.ts";

type Told = Pick<Sshd, "port" | "hostKeys" | "user"> & { readonly privateKey: string; readonly blob: string };

const { privateKey, blob, ...told } = JSON.parse(process.argv[2] ?? "{}") as Told;
const front = await startFront(
  {
    ...told,
    identity: { privateKey: createPrivateKey(privateKey), publicKeyBlob: Buffer.from(blob, "base64") },
    log: () => "",
  },
  { keep: false },
);
process.on("message", () => {
  globalThis.gc?.();
  process.send?.({ rss: process.memoryUsage().rss });
});
process.on("disconnect", () => process.exit());
process.send?.({ port: front.port });
