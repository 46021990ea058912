import { SIGNATURE_ALGORITHMS, type Learned } from "../../model/learned.ts";
import type { Persona } from "../../model/persona.ts";
import { signatureAlgorithmsOf } from "./learned.ts";
import { knownMethods, reducedOffer } from "./offer.ts";

/** What a client's key may sign with where a server announces nothing (RFC 8308 is younger than many). */
const UNANNOUNCED = [
  "ssh-ed25519",
  "ecdsa-sha2-nistp256",
  "ecdsa-sha2-nistp384",
  "ecdsa-sha2-nistp521",
  "rsa-sha2-512",
  "rsa-sha2-256",
];

/** What is announced must be done. */
const KEPT_EXTENSIONS = new Set([
  SIGNATURE_ALGORITHMS,
  "publickey-hostbound@openssh.com",
  "ping@openssh.com",
]);

export type Played = Omit<Persona, "name" | "image" | "hostname" | "moduli">;

/** What the gateway says in the place of a server that was learned. */
export function played(learned: Learned): Played {
  const announced = signatureAlgorithmsOf(learned);
  return {
    identification: learned.identification,
    offer: reducedOffer(learned),
    withheld: learned.withheld,
    extensions: learned.extensions.filter(({ name }) => KEPT_EXTENSIONS.has(name)),
    signatureAlgorithms: announced.length === 0 ? UNANNOUNCED : announced,
    methods: knownMethods(learned),
    ...(learned.banner === undefined ? {} : { banner: learned.banner }),
  };
}
