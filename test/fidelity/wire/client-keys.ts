/** Keys that both servers' accounts know, and the messages that prove one has them. */
import { generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import { message, str, u32, type Field } from "./encoding.ts";
import type { Prober } from "./prober.ts";
import { ROOT } from "./targets.ts";

export interface ClientKey {
  readonly blob: Buffer;
  readonly privateKey: KeyObject;
}

export function clientKey(): ClientKey {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const raw = publicKey.export({ type: "spki", format: "der" }).subarray(-32);
  return { blob: Buffer.concat([str("ssh-ed25519"), str(raw)]), privateKey };
}

/** In root's authorized_keys, each in a line of its own with these options before it. */
export const LISTED: readonly { readonly options: string; readonly key: ClientKey }[] = [
  { options: "", key: clientKey() },
  { options: 'from="192.0.2.1"', key: clientKey() },
  { options: 'restrict,command="echo -n forced; sleep 0.3"', key: clientKey() },
  { options: 'expiry-time="20200101"', key: clientKey() },
  { options: "no-such-option", key: clientKey() },
];

/** Writes the keys where the account's sshd looks for them. */
export async function listKeys(prober: Prober): Promise<void> {
  const lines = LISTED.map(({ options, key }) =>
    `${options} ssh-ed25519 ${key.blob.toString("base64")} somebody`.trimStart(),
  );
  const quoted = lines.map((line) => `'${line}'`).join(" ");
  await prober.login(ROOT.user, ROOT.password);
  await prober.ask(message(90, "session", u32(1), u32(2_097_152), u32(32_768)));
  const command = `mkdir -p -m 700 ~/.ssh && printf '%s\\n' ${quoted} > ~/.ssh/authorized_keys && echo -n listed`;
  prober.say(message(98, u32(0), "exec", 1, command));
  await prober.until(() => prober.packets.some(([type]) => type === 97));
  if (!prober.packets.some((payload) => payload.includes("listed")))
    throw new Error(`the keys could not be written:\n${prober.close().join("\n")}`);
  prober.close();
}

export const publicKeyRequest = (user: string, key: ClientKey, ...fields: readonly Field[]) =>
  message(50, user, "ssh-connection", "publickey", ...fields, "ssh-ed25519", str(key.blob));

export function signedRequest(user: string, sessionId: Buffer, key: ClientKey): Buffer {
  const head = publicKeyRequest(user, key, 1);
  const proof = sign(null, Buffer.concat([str(sessionId), head]), key.privateKey);
  return Buffer.concat([head, str(Buffer.concat([str("ssh-ed25519"), str(proof)]))]);
}
