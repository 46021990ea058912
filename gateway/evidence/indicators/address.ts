import { BlockList, isIP } from "node:net";

/**
 * Whether an address can be somebody's out there: not this machine, a private or reserved network (a sandbox's own among them), a
 * multicast group, or one of the resolvers that everybody asks whether there is a network at all. The networks that are kept for
 * documentation (RFC 5737, RFC 3849) pass: nobody has them, and examples are written with them.
 */
export function isPublicAddress(address: string): boolean {
  const family = isIP(address);
  // A zone names an interface of one machine. Node's list takes ::ffff:0:0/96 for all of IPv4.
  if (family === 0 || address.includes("%") || /^::ffff:/i.test(address)) return false;
  return !NOT_PUBLIC.check(address, family === 4 ? "ipv4" : "ipv6");
}

const NOT_PUBLIC = new BlockList();
for (const [network, bits] of [
  ...([
    ["0.0.0.0", 8],
    ["10.0.0.0", 8],
    ["100.64.0.0", 10],
    ["127.0.0.0", 8],
    ["169.254.0.0", 16],
  ] as const),
  ...([
    ["172.16.0.0", 12],
    ["192.0.0.0", 24],
    ["192.88.99.0", 24],
    ["192.168.0.0", 16],
  ] as const),
  ...([
    ["198.18.0.0", 15],
    ["224.0.0.0", 3],
  ] as const),
] as const)
  NOT_PUBLIC.addSubnet(network, bits, "ipv4");
for (const [network, bits] of [
  ...([
    ["::", 127],
    ["64:ff9b::", 96],
    ["100::", 64],
    ["2001::", 23],
  ] as const),
  ...([
    ["2002::", 16],
    ["fc00::", 7],
    ["fe80::", 10],
    ["fec0::", 10],
    ["ff00::", 8],
  ] as const),
] as const)
  NOT_PUBLIC.addSubnet(network, bits, "ipv6");
const RESOLVERS = {
  ipv4: [
    ...["8.8.8.8", "8.8.4.4", "1.1.1.1", "1.0.0.1", "9.9.9.9", "149.112.112.112", "208.67.222.222"],
    ...["208.67.220.220", "114.114.114.114", "114.114.115.115", "223.5.5.5", "223.6.6.6", "119.29.29.29"],
    ...["180.76.76.76", "77.88.8.8", "77.88.8.1", "4.2.2.1", "4.2.2.2", "94.140.14.14", "84.200.69.80"],
  ],
  ipv6: [
    ...["2001:4860:4860::8888", "2001:4860:4860::8844", "2606:4700:4700::1111", "2606:4700:4700::1001"],
    ...["2620:fe::fe", "2620:fe::9", "2400:3200::1", "2a02:6b8::feed:0ff"],
  ],
} as const;
for (const address of RESOLVERS.ipv4) NOT_PUBLIC.addAddress(address, "ipv4");
for (const address of RESOLVERS.ipv6) NOT_PUBLIC.addAddress(address, "ipv6");
