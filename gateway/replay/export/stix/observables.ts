import { isIPv6 } from "node:net";
import { observableId, namelessId } from "./ids.ts";
import type { StixId } from "./ids.ts";
import type { StixObject } from "./stix-object.ts";

/** Cyber-observable objects: what was seen, with the ids that every producer gives them. */

export function addressObject(address: string): StixObject {
  return observable(isIPv6(address) ? "ipv6-addr" : "ipv4-addr", { value: address });
}

export function domainObject(name: string): StixObject {
  return observable("domain-name", { value: name });
}

/** @param url as `stixUrl` makes it. */
export function urlObject(url: string): StixObject {
  return observable("url", { value: url });
}

/** @param hash MD5, SHA-1 or SHA-256, told by its length. */
export function fileObject(hash: string, name: string | undefined): StixObject {
  return observable("file", {
    hashes: { [hashName(hash)]: hash },
    ...(name === undefined || name === "" ? {} : { name }),
  });
}

export function accountObject(login: string): StixObject {
  return observable("user-account", { account_login: login, account_type: "unix" });
}

/** One SSH connection. Where it went is the sensor's own address, which is nobody's business: only the port is told. */
export function connectionObject(
  from: StixObject,
  ports: { readonly from: number; readonly to: number },
  time: { readonly start: string; readonly end: string },
): StixObject {
  const version = from.type === "ipv6-addr" ? "ipv6" : "ipv4";
  return observable("network-traffic", {
    ...time,
    src_ref: from.id,
    src_port: ports.from,
    dst_port: ports.to,
    protocols: [version, "tcp", "ssh"],
  });
}

/** A command of a session. @param place where it stands in it. */
export function commandObject(session: string, place: string, commandLine: string): StixObject {
  const id: StixId = namelessId("process", session, place, commandLine);
  return { type: "process", spec_version: "2.1", id, command_line: commandLine };
}

export function hashName(hash: string): "MD5" | "SHA-1" | "SHA-256" {
  return hash.length === 32 ? "MD5" : hash.length === 40 ? "SHA-1" : "SHA-256";
}

/** Each of their properties is one that makes their id. */
function observable(type: string, properties: Readonly<Record<string, unknown>>): StixObject {
  return { type, spec_version: "2.1", id: observableId(type, properties), ...properties };
}
