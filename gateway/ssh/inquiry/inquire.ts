import type { Inquiry, Learned, ShownHostKey } from "../../model/learned.ts";
import type { KexInit } from "../transport/kexinit.ts";
import { UpstreamLogin } from "../userauth/upstream.ts";
import { hearAfterLogin } from "./after-login.ts";
import { HOST_KEY_ALGORITHMS } from "./host-keys.ts";
import { meet } from "./meet.ts";

/** Servers answer an unknown user as any other, and the only attempt made is `none`. */
const SOMEBODY = "root";
/** Each gets another exchange wrong: see `quirksOf`. */
const OLD_CLIENTS = ["SSH-2.0-OpenSSH_6.6", "SSH-2.0-PuTTY_Release_0.63"];

/**
 * Asks a server what it says of itself: offers, EXT_INFO, banner, methods; after a login, if there is one to make, what it says then; and on one
 * more connection for each other kind of host key, that key. What it answers is as it was sent: whoever keeps it checks it.
 *
 * @throws TransportFailed when no key exchange comes about; Error when it ends the connection instead of an answer, or takes longer than the signal allows.
 */
export async function inquire({ connect, login, signal }: Inquiry): Promise<Learned> {
  const first = await meet(await connect(), signal);
  try {
    using asking = new UpstreamLogin(first.transport, signal);
    const user = Buffer.from(login?.user ?? SOMEBODY, "utf8");
    const refused = await asking.none(user);
    if (refused.kind === "closed")
      throw new Error("it ended the connection when it was asked for its methods");
    const { methods, banner } = asking;
    let afterLogin: readonly string[] | undefined;
    if (login) {
      const answer =
        refused.kind === "accepted"
          ? refused
          : await asking.password(user, Buffer.from(login.password, "utf8"));
      if (answer.kind !== "accepted") throw new Error("it did not take the password");
      afterLogin = await hearAfterLogin(first.transport, signal);
    }
    const { offer } = first;
    return {
      identification: first.transport.peerIdentification.toString("latin1"),
      kex: offer.kex,
      hostKey: offer.hostKey,
      cipher: offer.cipherToClient,
      mac: offer.macToClient,
      compression: offer.compressionToClient,
      withheld: await withheldFrom(OLD_CLIENTS, offer.kex, { connect, signal }),
      extensions: first.extensions,
      methods,
      ...(banner === "" ? {} : { banner }),
      hostKeys: await everyHostKey(first.hostKey, offer.hostKey, { connect, signal }),
      ...(afterLogin ? { afterLogin } : {}),
    };
  } finally {
    first.transport.destroy();
  }
}

async function withheldFrom(
  clients: readonly string[],
  offered: readonly string[],
  { connect, signal }: Omit<Inquiry, "login">,
): Promise<string[]> {
  const withheld = new Set<string>();
  for (const identification of clients) {
    let kex: readonly string[] | undefined;
    const onOffer = (offer: KexInit) => (kex = offer.kex);
    try {
      const { transport } = await meet(await connect(), signal, { identification, onOffer });
      transport.destroy();
    } catch (error) {
      if (kex === undefined) throw error; // else nothing is left that we have in common, which does not matter here
    }
    for (const name of offered) if (kex?.includes(name) === false) withheld.add(name);
  }
  return [...withheld];
}

async function everyHostKey(
  first: ShownHostKey,
  offered: readonly string[],
  { connect, signal }: Omit<Inquiry, "login">,
): Promise<ShownHostKey[]> {
  const shown = [first];
  for (const [algorithm, type] of HOST_KEY_ALGORITHMS) {
    if (!offered.includes(algorithm) || shown.some((key) => key.type === type)) continue;
    const { transport, hostKey } = await meet(await connect(), signal, { hostKeyAlgorithm: algorithm });
    transport.destroy();
    shown.push(hostKey);
  }
  return shown;
}
