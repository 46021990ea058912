import { parse } from "tldts";
import type { ByteString } from "../../model/bytes.ts";
import type { Found } from "./indicator.ts";
import { isPublicAddress } from "./address.ts";

/** What follows a host as one is written: `host`, `host:port`, and what comes after a slash. */
export interface HostPort {
  readonly host: string;
  readonly port: number | undefined;
}

/** `203.0.113.7:80`, `c2.example.com`, `[2001:db8::1]:443`. Undefined: it is no host of any form. */
export function hostPortOf(text: string): HostPort | undefined {
  const [, bracketed, plain, port] =
    /^(?:\[([0-9a-fA-F:.]{2,45})\]|([^:/@[\]]{1,253}))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || (port !== undefined && Number(port) > 65_535)) return undefined;
  return { host: host.toLowerCase().replace(/\.$/, ""), port: port === undefined ? undefined : Number(port) };
}

/**
 * The indicator that a host is: a public address, or a name below a suffix that the registries know. A name of one part, one below
 * `.example`, `.local` or `.internal`, and those of the image's own package sources are none.
 */
export function hostIndicator(host: string): Found | undefined {
  if (isPublicAddress(host)) return { kind: "address", value: host.toLowerCase() as ByteString };
  const name = host.toLowerCase().replace(/\.$/, "");
  if (!isRegistrable(name) || OURS.test(name)) return undefined;
  return { kind: "domain", value: name as ByteString };
}

/** Whether the last part of a name is also how files end (`install.sh`, `main.rs`, `multi-user.target`). */
export function looksLikeFile(name: string): boolean {
  return FILE_ENDINGS.has(name.slice(name.lastIndexOf(".") + 1).toLowerCase());
}

function isRegistrable(name: string): boolean {
  if (name.length > 253 || !/^[a-z0-9_.-]+\.[a-z][a-z0-9-]*[a-z0-9]$/.test(name)) return false;
  const { domain, isIcann } = parse(name, { allowPrivateDomains: false, extractHostname: false });
  return domain !== null && isIcann === true;
}

/** The image's package sources, and what `apt` asks about them. */
const OURS = /(?:^|\.)(?:debian\.org|ubuntu\.com|in-addr\.arpa|ip6\.arpa)$/;

/** Endings of files, units and members of objects that are top-level domains, too. */
const FILE_ENDINGS: ReadonlySet<string> = new Set(
  (
    "ac am cab call cat data date do for in java la link ma map md mk mov name now open pl pm post ps py read rs run save search " +
    "select sh so st target tf vi zip"
  ).split(" "),
);
