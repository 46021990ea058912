import type { HostKeyFile } from "../../model/persona.ts";

/** A host key in wire form, out of its `.pub` line (type, base64, comment). */
export function hostKeyBlob(file: Pick<HostKeyFile, "publicKey">): Buffer {
  return Buffer.from(file.publicKey.trim().split(/\s+/)[1] ?? "", "base64");
}

/** The host key that an agreed algorithm (RFC 8332: two of them name an RSA key) signs with; empty when there is none. */
export function initialHostKey(
  algorithm: string,
  hostKeys: readonly Pick<HostKeyFile, "type" | "publicKey">[],
): Buffer {
  const type = algorithm.startsWith("rsa-sha2-") ? "ssh-rsa" : algorithm;
  const file = hostKeys.find((key) => key.type === type);
  return file === undefined ? Buffer.alloc(0) : hostKeyBlob(file);
}
