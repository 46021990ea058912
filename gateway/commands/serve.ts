import { CRYPTO_BACKEND } from "../ssh/transport/backend.ts";
import { join } from "node:path";
import { listenAddress } from "../model/policy-units.ts";
import { showEndpoint, type Endpoint } from "../model/endpoint.ts";
import { MitsubakoError } from "../model/errors.ts";
import { openLog } from "../log.ts";
import { startGateway, type Gateway } from "../serve.ts";
import { givenPath, PROJECT_ROOT } from "./paths.ts";
import { progressOn } from "./progress.ts";

export interface ServeCommandOptions {
  readonly policy: string;
  readonly data: string;
  readonly listen?: readonly string[];
  readonly json?: true;
}

/** Milliseconds after the first signal from which another one ends the gateway at once. */
const IMPATIENCE = 1000;

/** Runs a gateway until SIGTERM or SIGINT. */
export async function serveCommand(options: ServeCommandOptions): Promise<number> {
  if (process.getuid?.() !== 0)
    throw new MitsubakoError(
      "not-root",
      "The gateway needs root's rights, for Docker Engine and netfilter.",
      {
        remedy: "Run it with sudo.",
      },
    );
  const log = openLog();
  log.info({ crypto: CRYPTO_BACKEND, node: process.version }, "starting");
  const listen = listenOption(options.listen);
  const gateway = await startGateway({
    policy: givenPath(options.policy),
    data: givenPath(options.data),
    ...(listen ? { listen } : {}),
    progress: progressOn(process.stderr),
    log,
  });
  process.stdout.write(options.json ? `${JSON.stringify(asJson(gateway))}\n` : whatToDoNext(gateway));
  process.on("SIGHUP", () => void gateway.reload());
  await asked(["SIGTERM", "SIGINT"]);
  log.info("stopping: sessions may end, then every sandbox is captured and removed; again ends it at once");
  setTimeout(() => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => process.exit(2));
  }, IMPATIENCE).unref();
  await gateway.stop();
  return 0;
}

function listenOption(given: readonly string[] | undefined): Endpoint[] | undefined {
  const texts = given ?? process.env["MITSUBAKO_LISTEN"]?.split(",").filter((text) => text !== "");
  return texts?.map((text) => {
    const parsed = listenAddress.safeParse(text);
    if (parsed.success) return parsed.data;
    throw new MitsubakoError("bad-listen-address", `${text} cannot be listened on.`, {
      remedy: "Give --listen (or MITSUBAKO_LISTEN) ADDRESS:PORT such as 0.0.0.0:22 or [::]:2222.",
    });
  });
}

/** The handlers stay: under npm one Ctrl-C can arrive twice within a millisecond, from the terminal and from npm. */
function asked(signals: readonly NodeJS.Signals[]): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of signals)
      process.on(signal, () => {
        resolve();
      });
  });
}

function asJson({ addresses, slot, warden, data }: Gateway) {
  return {
    event: "listening",
    addresses,
    slot,
    pid: process.pid,
    fronts: warden.frontPids,
    archivist: warden.archivistPid,
    outpost: warden.outpostPid,
    data,
  };
}

function whatToDoNext({ addresses, data, policy }: Gateway): string {
  const [first] = addresses;
  const port = first?.port ?? 2222;
  const folder = data === join(PROJECT_ROOT, "data") ? "" : ` --data ${data}`;
  const host = first && first.address !== "0.0.0.0" && first.address !== "::" ? first.address : "localhost";
  return `
Mitsubako listens on ${addresses.map(showEndpoint).join(", ")}.
  policy  ${policy.path} (saved changes apply at once)
  data    ${data}

From another terminal, be your own first stranger; any password will do:
  ssh -p ${port} root@${host}
Then look at what happened:
  sudo gateway/mitsubako sessions${folder}
  sudo gateway/mitsubako show SESSION${folder}
  sudo gateway/mitsubako play SESSION${folder}
Ctrl-C stops it.
`;
}
