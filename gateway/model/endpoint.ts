/** One end of a TCP connection. IPv4 addresses are never in the mapped form `::ffff:a.b.c.d`. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

export function unmapped(address: string): string {
  return address.startsWith("::ffff:") && address.includes(".") ? address.slice(7) : address;
}

export function showEndpoint({ address, port }: Endpoint): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}
