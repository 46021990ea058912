import { existsSync } from "node:fs";
import { command, ifWorking } from "./command.ts";
import { anyMarkOf, MARK_MASK } from "./marks.ts";
import { MitsubakoError } from "../model/errors.ts";
import { tableOf } from "../model/slot.ts";

/**
 * Docker Engine refuses what is forwarded past its own networks (the policy of iptables' FORWARD), so what our rules have let
 * through needs a word there, too, in the chain that Docker keeps for it. It opens nothing by itself: only our rules give the mark,
 * and their own `drop` is final. Without Docker's chain there is no such refusal.
 */
export async function openDoor(slot: number): Promise<void> {
  if ((await doorChain()) === undefined || (await isOpen(slot))) return;
  await command("iptables", ["-w", "5", "-I", "DOCKER-USER", "1", ...rule(slot)]);
}

/** Where iptables does not work, nothing is lost: without the mark the rule opens nothing. */
export async function closeDoor(slot: number): Promise<void> {
  await ifWorking(async () => {
    while (await isOpen(slot)) await command("iptables", ["-w", "5", "-D", "DOCKER-USER", ...rule(slot)]);
  });
}

export async function doorFaults(slot: number, wanted: boolean): Promise<string[]> {
  const chain = wanted ? await doorChain() : await ifWorking(doorChain);
  if (chain === undefined || isOpenIn(chain, slot) === wanted) return [];
  return [
    `the rule for ${tableOf(slot)} in iptables' DOCKER-USER is ${wanted ? "gone" : "there, and should not be"}`,
  ];
}

function rule(slot: number): string[] {
  return [
    ...["-m", "mark", "--mark", `${anyMarkOf(slot)}/${MARK_MASK}`],
    ...["-m", "comment", "--comment", tableOf(slot), "-j", "ACCEPT"],
  ];
}

async function doorChain(): Promise<string | undefined> {
  if (!existsSync("/usr/sbin/iptables") && !existsSync("/sbin/iptables")) return undefined;
  try {
    const shown = await command("iptables", ["-w", "5", "-S", "DOCKER-USER"], { accept: [0, 1] });
    return shown === "" ? undefined : shown;
  } catch (error) {
    if (error instanceof MitsubakoError && NO_TABLES.test(String(error.cause))) return undefined;
    throw error;
  }
}

/** Of iptables-legacy, on a kernel that has nf_tables alone. */
const NO_TABLES = /can't initialize iptables table/;

async function isOpen(slot: number): Promise<boolean> {
  return isOpenIn((await doorChain()) ?? "", slot);
}

function isOpenIn(chain: string, slot: number): boolean {
  return chain.includes(`--comment ${tableOf(slot)} `);
}
