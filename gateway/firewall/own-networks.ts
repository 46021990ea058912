import { readFile } from "node:fs/promises";
import { isIPv4 } from "node:net";
import { command } from "./command.ts";
import type { HostFacts } from "./egress.ts";
import { overlaps } from "./subnet.ts";

interface Route {
  readonly dst?: string;
  readonly type?: string;
  readonly scope?: string;
  readonly dev?: string;
}

/**
 * What the machine is on: its own addresses, the networks on its links, and its resolvers. Asked again from time to time, as
 * interfaces come and go.
 *
 * @param notOurs links that are our own and no network of the machine's.
 * @throws MitsubakoError `tool-missing`, `firewall-failed`
 */
export async function readHost(notOurs: readonly string[]): Promise<HostFacts> {
  const routes = JSON.parse(await command("ip", ["-4", "-j", "route", "show", "table", "all"])) as Route[];
  const others = routes.filter(
    ({ dst, dev }) => dst !== undefined && isIPv4(dst.split("/")[0] ?? "") && !notOurs.includes(dev ?? ""),
  );
  const found = (wanted: (route: Route) => boolean) =>
    [...new Set(others.filter(wanted).flatMap(({ dst }) => dst ?? []))].toSorted();
  return {
    addresses: found(({ type, dst = "" }) => type === "local" && !overlaps("127.0.0.0/8", dst)),
    networks: found(({ type, scope }) => type === undefined && scope === "link"),
    resolvers: await resolversOfHost(),
  };
}

/** resolv.conf names systemd's stub on the loopback, where it runs; its own list then lies elsewhere. */
async function resolversOfHost(): Promise<string[]> {
  for (const file of ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"]) {
    const text = await readFile(file, "utf8").catch(() => "");
    const named = [...text.matchAll(/^\s*nameserver\s+(\S+)/gm)].flatMap(([, address = ""]) =>
      isIPv4(address) && !overlaps("127.0.0.0/8", address) ? [address] : [],
    );
    if (named.length > 0) return named.slice(0, 3);
  }
  return [];
}
