import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { hrtime } from "node:process";
import { release, uptime } from "node:os";
import { toByteString, type ByteString } from "../../model/bytes.ts";
import type { HostKeyFile } from "../../model/persona.ts";
import type { Archive } from "../archive.ts";
import type { SkelFile } from "../home.ts";
import type { TarFile } from "../tar.ts";
import { pastOf, type PastInput } from "./past.ts";
import { pidAfter } from "./pids.ts";
import { MINUTE } from "./timeline.ts";

/** What is put into a container that was never started. */
export interface Past {
  readonly files: readonly TarFile[];
  /** Those of them that services append to. */
  readonly logs: readonly TarFile[];
  readonly installed: Date;
  /** The last process id that was given out. */
  readonly pid: number;
}

type OfImage = Pick<PastInput, "accounts" | "skel" | "installed" | "hasMail">;

/** Milliseconds for which a past is up to date: shorter than the time between two of its own events. */
const FRESH = 5 * MINUTE;
/** The image's files are ours; what is larger is none of these. */
const MOST_BYTES = 1 << 20;

/**
 * The past of one gateway's sandboxes. Its seed comes from the persona's host keys: those are the sensor's own and stay, so two
 * sensors differ, and a sensor's sandboxes are one and the same machine.
 */
export class PastKeeper {
  readonly #seed: string;
  readonly #hostname: string;
  #ofImage: Promise<OfImage> | undefined;
  #made: { readonly at: bigint; readonly past: Past } | undefined;

  constructor(hostKeys: readonly HostKeyFile[], hostname: string) {
    const hash = createHash("sha256");
    for (const { publicKey } of hostKeys) hash.update(publicKey);
    // A stranger knows the public keys, so the seed takes what they do not know.
    for (const { privateKey } of hostKeys) hash.update(privateKey);
    this.#seed = hash.digest("hex");
    this.#hostname = hostname;
  }

  /** For a container that was just created. The first takes some 0.5 s, to read the image's accounts. */
  async of(archive: Archive): Promise<Past> {
    this.#ofImage ??= readImage(archive);
    this.#ofImage.catch(() => {
      this.#ofImage = undefined;
    });
    const ofImage = await this.#ofImage;
    const at = hrtime.bigint();
    if (this.#made === undefined || Number(at - this.#made.at) / 1e6 > FRESH) {
      const now = Date.now();
      const booted = now - Math.floor(uptime() * 1000);
      const files = pastOf({
        ...ofImage,
        seed: this.#seed,
        hostname: this.#hostname,
        kernel: release(),
        bootId: readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim().replaceAll("-", ""),
        booted,
        now,
      });
      const logs = files.filter(({ path, content }) => content !== undefined && path.startsWith("var/log/"));
      const installed = new Date(ofImage.installed);
      this.#made = { at, past: { files, logs, installed, pid: pidAfter(booted, now) } };
    }
    return this.#made.past;
  }
}

async function readImage(archive: Archive): Promise<OfImage> {
  const read = async (path: string) => {
    const file = await archive.read(path, MOST_BYTES);
    if (!file) throw new Error(`${path} is not a file of the image`);
    return file;
  };
  const text = async (name: string): Promise<ByteString> =>
    toByteString((await read(`/etc/${name}`)).content);
  const skel: SkelFile[] = [];
  for (const name of [".bash_logout", ".bashrc", ".profile"]) {
    const { content, entry } = await read(`/etc/skel/${name}`);
    skel.push({ name, content, mode: entry.mode, modifiedAt: entry.modifiedAt });
  }
  return {
    accounts: {
      passwd: await text("passwd"),
      shadow: await text("shadow"),
      group: await text("group"),
      gshadow: await text("gshadow"),
    },
    skel,
    // The image's build dated the system's files to a day of installation: see sandbox-image/age.py.
    installed: (await read("/etc/passwd")).entry.modifiedAt.getTime(),
    hasMail: (await archive.stat("/usr/sbin/dma")) !== undefined,
  };
}
