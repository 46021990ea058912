import type { Learned } from "../model/learned.ts";
import { MitsubakoError } from "../model/errors.ts";
import { KIND_BITS } from "../sandbox/image/host-keys.ts";
import { MARKERS } from "../sandbox/image/offer.ts";
import { played } from "../sandbox/image/played.ts";

const STRICT = "kex-strict-s-v00@openssh.com";
const ANNOUNCED = "global-request hostkeys-00@openssh.com";

const LISTS = {
  kex: "key exchange",
  hostKey: "host key",
  cipher: "cipher",
  mac: "MAC",
  compression: "compression",
} as const;

/**
 * What of a server the gateway plays otherwise than it was learned, a sentence each; nothing where it plays all. `ofImage`: what was learned of
 * the sshd in whose sandbox strangers land.
 * @throws MitsubakoError `persona-unlearnable` where nothing is left that both have.
 */
export function shortfalls(learned: Learned, ofImage: Learned | undefined, image: string): string[] {
  const ours = played(learned);
  const found: string[] = [];
  for (const [list, what] of Object.entries(LISTS) as [keyof typeof LISTS, string][]) {
    if (!ours.offer[list].some((name) => !MARKERS.includes(name)))
      throw new MitsubakoError("persona-unlearnable", `The gateway has no ${what} that the server offers.`);
    const missing = learned[list].filter((name) => !ours.offer[list].includes(name));
    if (missing.length > 0)
      found.push(`It offers, as ${what}, ${missing.join(", ")}, which the gateway has not: not offered.`);
  }
  if (ours.methods.length === 0)
    throw new MitsubakoError(
      "persona-unlearnable",
      "The server lets nobody in by a method that the gateway has.",
    );
  const methods = learned.methods.filter((name) => !(ours.methods as readonly string[]).includes(name));
  if (methods.length > 0) found.push(`Its methods ${methods.join(", ")} are not offered.`);
  const announced = learned.extensions.filter((one) => !ours.extensions.includes(one));
  if (announced.length > 0)
    found.push(`Its extensions ${announced.map(({ name }) => name).join(", ")} are not announced.`);
  for (const { type, bits } of learned.hostKeys) {
    const own = KIND_BITS[type];
    if (own !== undefined && own !== bits)
      found.push(`Its ${type} key has ${bits} bits, ours will have ${own}.`);
  }
  if (!learned.kex.includes(STRICT))
    found.push("It has no strict key exchange (CVE-2023-48795), so the persona has none either.");
  if (learned.kex.includes("diffie-hellman-group-exchange-sha256"))
    found.push(`No server tells which groups it has for group exchange: those of ${image} are used.`);
  const unseen = Object.keys(KIND_BITS).filter((kind) => !learned.hostKeys.some(({ type }) => type === kind));
  if (unseen.length > 0 && ofImage?.afterLogin?.includes(ANNOUNCED) === true)
    found.push(
      `After a login the sshd of ${image} announces host keys that it has not: ${unseen.join(", ")}.`,
    );
  found.push(...afterLogin(learned, ofImage, image));
  if (!/^SSH-2\.0-OpenSSH_/.test(learned.identification))
    found.push("It is no OpenSSH; how it refuses, and in what words, is OpenSSH's here.");
  return found;
}

function afterLogin(learned: Learned, ofImage: Learned | undefined, image: string): string[] {
  if (learned.afterLogin === undefined)
    return [`What it says after a login was not asked (--user): it is what the sshd of ${image} says.`];
  if (ofImage?.afterLogin === undefined || String(learned.afterLogin) === String(ofImage.afterLogin))
    return [];
  return [
    `After a login it says "${learned.afterLogin.join("; ")}"; the sshd of ${image} says "${ofImage.afterLogin.join("; ")}", and that is what is heard.`,
  ];
}
