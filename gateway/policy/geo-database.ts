/** MaxMind databases (MMDB), as others make and update them. */
import { MitsubakoError } from "../model/errors.ts";

export interface GeoDatabase {
  /** ISO 3166 code; undefined where it is not known. */
  country(address: string): string | undefined;
  as(address: string): number | undefined;
}

/** Addresses that are asked once, so that a database which cannot be read is found when it is loaded. */
const PROBES = ["1.1.1.1", "8.8.8.8", "193.0.6.139", "2001:db8::1"];

/** Never throws once it is open: what a damaged database does not tell is not known. @throws MitsubakoError "policy-unreadable" */
export async function openGeoDatabase(bytes: Buffer): Promise<GeoDatabase> {
  // A policy without one has no need of it, and neither has its start.
  const { Reader } = await import("maxmind");
  try {
    const reader = new Reader(bytes);
    const { searchTreeSize, ipVersion } = reader.metadata;
    if (!(searchTreeSize > 0 && searchTreeSize + SEPARATOR <= bytes.length))
      throw new Error("it is shorter than it says");
    if (ipVersion !== 4 && ipVersion !== 6) throw new Error("it has neither IPv4 nor IPv6 in it");
    for (const probe of PROBES) if (ipVersion === 6 || !probe.includes(":")) reader.get(probe);
    const recordOf = (address: string): unknown => {
      if (ipVersion === 4 && address.includes(":")) return undefined;
      try {
        return reader.get(address);
      } catch {
        return undefined;
      }
    };
    return {
      country: (address) => countryIn(recordOf(address)),
      as: (address) => systemIn(recordOf(address)),
    };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new MitsubakoError("policy-unreadable", `no MaxMind database: ${reason}`, { cause: error });
  }
}

/** Between tree and data. */
const SEPARATOR = 16;

/** MaxMind and DB-IP have `country.iso_code`; IPinfo has `country_code`, or `country` with the code in it. */
function countryIn(record: unknown): string | undefined {
  const country = field(record, "country");
  const code = field(country, "iso_code") ?? field(record, "country_code") ?? country;
  return typeof code === "string" && /^[A-Z]{2}$/.test(code) ? code : undefined;
}

/** MaxMind and DB-IP have `autonomous_system_number`, IPinfo `asn: "AS64500"`. */
function systemIn(record: unknown): number | undefined {
  const number = field(record, "autonomous_system_number");
  if (typeof number === "number") return number;
  const asn = field(record, "asn");
  const written = typeof asn === "string" ? /^AS(\d{1,10})$/.exec(asn)?.[1] : undefined;
  return written === undefined ? undefined : Number(written);
}

function field(record: unknown, name: string): unknown {
  return typeof record === "object" && record !== null && Object.hasOwn(record, name)
    ? Reflect.get(record, name)
    : undefined;
}
