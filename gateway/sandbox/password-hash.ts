import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { MitsubakoError } from "../model/errors.ts";

/**
 * Debian 12's ENCRYPT_METHOD with its cost: yescrypt, `j9T` (N = 4096, r = 32, 16 MiB). Measured: 24 ms for a hash here and as much
 * for each login's check in the sandbox; `j75` would take 1 ms, but no Debian writes it, and refusals would come too fast.
 */
const YESCRYPT = "$y$j9T$";
/** Where the host's libcrypt has no yescrypt: what Debian had before. */
const SHA512 = "$6$";

const ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/**
 * Settings on the first lines, the password in hexadecimal on the next: neither is ever an argument, which everybody on the
 * host could read. The first setting that libcrypt knows is used; its failure tokens begin with `*`.
 */
const PROGRAM = `
my ($settings, $hex) = <STDIN>;
chomp($settings, $hex);
my $password = pack("H*", $hex);
for my $setting (split / /, $settings) {
  my $hash = crypt($password, $setting);
  if (defined $hash && $hash !~ /^\\*/ && length $hash > 20) { print $hash; exit 0 }
}
exit 3;
`;

/**
 * The shadow field for a password (any bytes but NUL, at most 511), as this machine's libcrypt makes it; perl is in
 * every Debian and Ubuntu. About 30 ms.
 * @throws MitsubakoError `tool-missing` without perl, `internal` when libcrypt refuses.
 */
export async function hashPassword(password: Uint8Array, signal?: AbortSignal): Promise<string> {
  const settings = `${YESCRYPT}${yescryptSalt()} ${SHA512}${characters(16)}`;
  return run(`${settings}\n${Buffer.from(password).toString("hex")}\n`, signal);
}

/** 128 bits in yescrypt's base 64: 22 characters, the last of which carries 2 bits. */
function yescryptSalt(): string {
  return characters(21) + (ALPHABET[(randomBytes(1)[0] ?? 0) % 4] ?? ".");
}

function characters(count: number): string {
  return Array.from(randomBytes(count), (byte) => ALPHABET[byte % 64]).join("");
}

function run(input: string, signal: AbortSignal | undefined): Promise<string> {
  return new Promise((resolve, reject) => {
    const perl = spawn("perl", ["-e", PROGRAM], {
      stdio: ["pipe", "pipe", "ignore"],
      timeout: 20_000,
      ...(signal === undefined ? {} : { signal }),
    });
    let output = "";
    perl.stdout.setEncoding("latin1").on("data", (text: string) => (output += text));
    // A perl that ended early is told by its exit code.
    perl.stdin.on("error", () => undefined);
    perl.on("error", (cause) => {
      reject(
        signal?.aborted === true
          ? cause
          : new MitsubakoError("tool-missing", "perl cannot be run to hash a password.", {
              remedy: "Install the package perl-base.",
              cause,
            }),
      );
    });
    perl.on("close", (code) => {
      if (code === 0) resolve(output);
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
