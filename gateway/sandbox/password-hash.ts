import { spawn, type ChildProcessByStdio } from "node:child_process";
import { randomBytes } from "node:crypto";
import type { Readable, Writable } from "node:stream";
import { MitsubakoError } from "../model/errors.ts";

/**
 * Debian 12's ENCRYPT_METHOD with its cost: yescrypt, `j9T` (N = 4096, r = 32, 16 MiB). Measured: 26 ms for a hash here and as much
 * for each login's check in the sandbox; `j75` would take 1 ms, but no Debian writes it, and refusals would come too fast.
 */
const YESCRYPT = "$y$j9T$";
/** Where the host's libcrypt has no yescrypt: what Debian had before. */
const SHA512 = "$6$";

const ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** Milliseconds; a loaded machine takes a tenth of a second. */
const WITHIN = 20_000;

/**
 * The first line has the settings, the second the password in hexadecimal: neither is ever an argument, which everybody on the
 * host could read. The first setting that libcrypt knows is used; its failure tokens begin with `*`.
 */
const PROGRAM = `
my ($settings, $hex) = (scalar <STDIN>, scalar <STDIN>);
defined $hex or exit 0;
chomp($settings, $hex);
my $password = pack("H*", $hex);
for my $setting (split / /, $settings) {
  my $hash = crypt($password, $setting);
  if (defined $hash && $hash !~ /^\\*/ && length $hash > 20) { print $hash; exit 0 }
}
exit 3;
`;

type Perl = ChildProcessByStdio<Writable, Readable, null>;

/**
 * Makes shadow fields with this machine's libcrypt; perl is in every Debian and Ubuntu. One perl is always started ahead, since starting
 * it takes 10 ms that somebody would wait for.
 */
export class PasswordHasher implements Disposable {
  #ahead: Perl | undefined;
  #isClosed = false;

  /**
   * The shadow field for a password (any bytes but NUL, at most 511). About 30 ms.
   * @throws MitsubakoError `tool-missing` without perl, `internal` when libcrypt refuses.
   */
  async hash(password: Uint8Array): Promise<string> {
    const perl = this.#ahead ?? start();
    this.#ahead = undefined;
    const settings = `${YESCRYPT}${yescryptSalt()} ${SHA512}${characters(16)}`;
    try {
      return await finish(perl, `${settings}\n${Buffer.from(password).toString("hex")}\n`);
    } finally {
      this.startAhead();
    }
  }

  /** Of no use twice. */
  startAhead(): void {
    if (this.#isClosed || this.#ahead) return;
    const perl = start();
    this.#ahead = perl;
    perl.once("close", () => {
      if (this.#ahead === perl) this.#ahead = undefined;
    });
  }

  /** Without a line to read perl ends. */
  [Symbol.dispose](): void {
    this.#isClosed = true;
    this.#ahead?.stdin.end();
    this.#ahead = undefined;
  }
}

function start(): Perl {
  const perl = spawn("perl", ["-e", PROGRAM], { stdio: ["pipe", "pipe", "ignore"] });
  // A perl that cannot be started, or ended early, is told of when it is used.
  perl.on("error", () => undefined);
  perl.stdin.on("error", () => undefined);
  return perl;
}

function finish(perl: Perl, input: string): Promise<string> {
  return new Promise((resolve, reject) => {
    if (perl.pid === undefined) {
      reject(
        new MitsubakoError("tool-missing", "perl cannot be run to hash a password.", {
          remedy: "Install the package perl-base.",
        }),
      );
      return;
    }
    const deadline = setTimeout(() => perl.kill("SIGKILL"), WITHIN);
    let output = "";
    perl.stdout.setEncoding("latin1").on("data", (text: string) => (output += text));
    perl.once("close", (code) => {
      clearTimeout(deadline);
      if (code === 0 && output !== "") resolve(output);
      else
        reject(
          new MitsubakoError(
            "internal",
            `The password could not be hashed (perl ended with ${String(code)}).`,
          ),
        );
    });
    perl.stdin.end(input);
  });
}

/** 128 bits in yescrypt's base 64: 22 characters, the last of which carries 2 bits. */
function yescryptSalt(): string {
  return characters(21) + (ALPHABET[(randomBytes(1)[0] ?? 0) % 4] ?? ".");
}

function characters(count: number): string {
  return Array.from(randomBytes(count), (byte) => ALPHABET[byte % 64]).join("");
}
