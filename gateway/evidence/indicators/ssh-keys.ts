import { hash } from "node:crypto";
import type { ByteString } from "../../model/bytes.ts";
import type { Found } from "./indicator.ts";

/**
 * Public keys as `authorized_keys` has them, whose blob is what its type says. The value is the fingerprint as `ssh-keygen -l` shows it.
 *
 * @param where whose they become, and the file they go to, as far as that is known.
 */
export function sshKeysIn(
  text: string,
  where: { readonly account?: string | undefined; readonly file?: string | undefined } = {},
): Found[] {
  const found: Found[] = [];
  for (const { groups = {} } of text.matchAll(KEY)) {
    const { type = "", blob = "", comment = "" } = groups;
    const bytes = Buffer.from(blob, "base64");
    if (bytes.toString("base64").replace(/=+$/, "") !== blob.replace(/=+$/, "")) continue;
    if (!isBlobOf(bytes, type)) continue;
    found.push({
      kind: "ssh-key",
      value: `SHA256:${hash("sha256", bytes, "base64").replace(/=+$/, "")}` as ByteString,
      details: {
        type: type as ByteString,
        ...(comment.trim() === "" ? {} : { comment: comment.trim() as ByteString }),
        ...(where.account === undefined ? {} : { account: where.account as ByteString }),
        ...(where.file === undefined ? {} : { file: where.file as ByteString }),
      },
    });
  }
  return found;
}

/** The blob begins with its type as a string of SSH's, and its fields end where it ends (RFC 4253 section 6.6). */
function isBlobOf(bytes: Buffer, type: string): boolean {
  let at = 0;
  for (let field = 0; at < bytes.length; field++) {
    if (at + 4 > bytes.length) return false;
    const length = bytes.readUInt32BE(at);
    if (field === 0 && bytes.toString("latin1", at + 4, at + 4 + length) !== type) return false;
    at += 4 + length;
  }
  return at === bytes.length && at > 4 + type.length;
}

/** Types of OpenSSH. No blob in use is longer: 16 kbit of RSA. */
const KEY =
  /(?<![\w-])(?<type>ssh-(?:rsa|ed25519|dss)|ecdsa-sha2-nistp(?:256|384|521)|sk-(?:ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com)[ \t]+(?<blob>[A-Za-z0-9+/]{32,3000}={0,2})(?![A-Za-z0-9+/=])(?:[ \t]+(?<comment>[^\s"'`|;&<>()][^\r\n"'`|;&<>()]{0,199}))?/g;
