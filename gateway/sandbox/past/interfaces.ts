import type { TarFile } from "../tar.ts";

/** /etc/network/interfaces as Debian's installer writes it for an address that was typed in. `subnet` such as `10.203.0.0/20`. */
export function interfacesFile(
  address: string,
  { subnet, gateway }: { readonly subnet: string; readonly gateway: string },
  modifiedAt: Date,
): TarFile {
  const content = `# This file describes the network interfaces available on your system
# and how to activate them. For more information, see interfaces(5).

source /etc/network/interfaces.d/*

# The loopback network interface
auto lo
iface lo inet loopback

# The primary network interface
allow-hotplug eth0
iface eth0 inet static
\taddress ${address}/${subnet.slice(subnet.indexOf("/") + 1)}
\tgateway ${gateway}
\t# dns-* options are implemented by the resolvconf package, if installed
\tdns-nameservers ${gateway}
`;
  const root = { uid: 0, gid: 0 };
  return { path: "etc/network/interfaces", content: Buffer.from(content), mode: 0o644, ...root, modifiedAt };
}
