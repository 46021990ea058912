import { execFile } from "node:child_process";
import { chmod, mkdir, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { MitsubakoError } from "../model/errors.ts";
import type { OutpostConfiguration } from "../model/outpost-messages.ts";

const KEY = "key.pem";
const CERTIFICATE = "certificate.pem";
const DAYS = "3650";

/**
 * The key and certificate of the outpost's TLS, as a server has them that nobody cared for: self-signed, for `localhost`. Made once in
 * `keys/outpost` of the data folder; the same ever after, so that whoever comes again finds the same server.
 *
 * @throws MitsubakoError `tool-missing`, `data-unusable`.
 */
export async function outpostCertificate(dataFolder: string): Promise<OutpostConfiguration["tls"]> {
  const keys = join(dataFolder, "keys");
  const folder = join(keys, "outpost");
  return (await readPair(folder)) ?? (await makePair(keys, folder));
}

async function readPair(folder: string): Promise<OutpostConfiguration["tls"] | undefined> {
  try {
    return {
      key: await readFile(join(folder, KEY), "utf8"),
      certificate: await readFile(join(folder, CERTIFICATE), "utf8"),
    };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Beside its place, and put there whole: a start that was cut off leaves no key without its certificate. */
async function makePair(keys: string, folder: string): Promise<OutpostConfiguration["tls"]> {
  await mkdir(keys, { recursive: true, mode: 0o700 });
  const temporary = await mkdtemp(join(keys, ".outpost-"));
  try {
    const [key, certificate] = [join(temporary, KEY), join(temporary, CERTIFICATE)];
    await openssl([
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"],
      ...["-days", DAYS, "-subj", "/CN=localhost", "-keyout", key, "-out", certificate],
    ]);
    await chmod(key, 0o600);
    await rm(folder, { recursive: true, force: true });
    await rename(temporary, folder);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  const pair = await readPair(folder);
  if (pair) return pair;
  throw new MitsubakoError("data-unusable", `The outpost's certificate could not be put into ${folder}.`);
}

async function openssl(args: readonly string[]): Promise<void> {
  try {
    await promisify(execFile)("openssl", args, { timeout: 30_000 });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT")
      throw new MitsubakoError("tool-missing", "The program openssl is not installed.", {
        remedy: "Install it: apt-get install openssl",
        cause,
      });
    throw new MitsubakoError("data-unusable", "openssl could not make the outpost's certificate.", { cause });
  }
}
