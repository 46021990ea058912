/** A sandbox's byte cap in one direction, as the kernel counts it. Bytes of IP packets; SSH is not among them. */
export interface CapReading {
  readonly address: string;
  readonly direction: "up" | "down";
  readonly limit: number;
  readonly used: number;
  /** Nothing passes in either direction any more, because one of the two is used up. */
  readonly spent: boolean;
}

export interface Caps {
  readonly up: number;
  readonly down: number;
}

export function remaining({ limit, used }: CapReading): number {
  return Math.max(0, limit - used);
}
