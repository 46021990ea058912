import { createHash } from "node:crypto";
import type { Dice } from "./dice.ts";

/** Who has to do with the server, and from where. */
export interface Cast {
  readonly admin: Person;
  readonly deploy: Person;
  readonly company: string;
  /** Where backups go: on the same private network as those who look after the server. */
  readonly backupHost: string;
  readonly machineId: string;
}

export interface Person {
  readonly name: string;
  /** As they come in: through a private network, so that no stranger's address is named. */
  readonly address: string;
  /** A line of authorized_keys to which nobody has the private key: its bytes were never one. */
  readonly publicKey: string;
  /** Of that key, as sshd logs it. */
  readonly fingerprint: string;
}

const ADMINS = [
  "marek", "jonas", "svenja", "tomasz", "pieter", "anders", "milan", "katrin", "lukas", "emil", "henrik", "radek",
  "ondrej", "jelena", "matteo", "soren", "niklas", "birgit", "zoltan", "kaspar", "tereza", "joris", "annika", "goran",
] as const; // prettier-ignore
const DEPLOYERS = ["deploy", "deployer", "release", "www-deploy", "ci-deploy", "webdeploy"] as const;
const FIRST = [
  "Nord",
  "Alpen",
  "Rhein",
  "Delta",
  "Silber",
  "Kern",
  "Wald",
  "Linden",
  "Stein",
  "Hafen",
] as const;
const SECOND = [
  "logistik",
  "druck",
  "technik",
  "werk",
  "daten",
  "handel",
  "planung",
  "optik",
  "medien",
] as const;
const LEGAL = ["GmbH", "AG", "e.K.", "KG"] as const;
const HEX = "0123456789abcdef";

export function castOf(dice: Dice): Cast {
  const network = `10.${dice.between(16, 119)}.${dice.between(0, 250)}`;
  const person = (names: readonly [string, ...string[]], machine: number): Person => {
    const name = dice.pick(names);
    const address = `${network}.${machine}`;
    return { name, address, ...keyOf(dice, `${name}@${dice.pick(["laptop", "bastion", "ws01", "build"])}`) };
  };
  return {
    admin: person(ADMINS, dice.between(20, 99)),
    deploy: person(DEPLOYERS, dice.between(100, 199)),
    company: `${dice.pick(FIRST)}${dice.pick(SECOND)} ${dice.pick(LEGAL)}`,
    backupHost: `${network}.${dice.between(4, 19)}`,
    machineId: dice.letters(32, HEX),
  };
}

function keyOf(dice: Dice, comment: string): Pick<Person, "publicKey" | "fingerprint"> {
  const type = Buffer.from("ssh-ed25519");
  const length = (bytes: number) => Buffer.from([0, 0, 0, bytes]);
  const blob = Buffer.concat([length(type.length), type, length(32), dice.bytes(32)]);
  const hash = createHash("sha256").update(blob).digest("base64").replace(/=+$/, "");
  return {
    publicKey: `ssh-ed25519 ${blob.toString("base64")} ${comment}\n`,
    fingerprint: `ED25519 SHA256:${hash}`,
  };
}

/** Where attacks come from: the blocks that the registries gave out to networks, never private or reserved ones. */
export function strangersAddress(dice: Dice): string {
  const first = dice.pick([45, 61, 80, 91, 103, 114, 122, 141, 159, 178, 185, 193, 211, 218]);
  return `${first}.${dice.between(1, 254)}.${dice.between(1, 254)}.${dice.between(2, 253)}`;
}
