import { hashesIn } from "./hashes.ts";
import type { Found } from "./indicator.ts";
import { hostsIn } from "./scan-hosts.ts";
import { urlsIn } from "./scan-urls.ts";
import { walletsIn } from "./wallets.ts";

/** What any text may hold, whatever it is for: URLs, hosts, pools, wallets, hashes. Linear in the text. */
export function scanText(text: string): Found[] {
  const wallets = walletsIn(text);
  return [
    ...urlsIn(text),
    ...hostsIn(text, "code"),
    ...wallets,
    ...(wallets.length > 0 ? poolsIn(text) : []),
    ...hashesIn(text),
  ];
}

/** Where a wallet stands in the same text, a miner's pool is what `-o` or `"url"` names with a port. */
export function poolsIn(text: string): Found[] {
  return Array.from(
    text.matchAll(
      /(?:(?<!\S)(?:-o|--url)[ =]|"url":\s{0,9}")(?<pool>[a-z0-9][a-z0-9.-]{2,252}:\d{1,5})(?![\w:.])/gi,
    ),
    ({ groups }) => ({ kind: "pool", value: (groups?.["pool"] ?? "").toLowerCase() as Found["value"] }),
  );
}
