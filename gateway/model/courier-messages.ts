/**
 * What the warden and the courier say to each other. The courier talks with a machine elsewhere, so it has no network of its own: the
 * warden makes each connection, to the policy's receiver and nowhere else, and hands it over as an open socket.
 */
export type ToCourier =
  | { readonly kind: "configure"; readonly configuration: CourierConfiguration }
  /** With the socket. */
  | { readonly kind: "connected"; readonly ask: number }
  | { readonly kind: "not-connected"; readonly ask: number; readonly why: string }
  /** Send what is there, as long as it is taken; then exit. */
  | { readonly kind: "drain" };

export interface CourierConfiguration {
  /** The archivist's folder of the spool, and the courier's own, as the courier sees them. */
  readonly folders: { readonly spool: string; readonly courier: string };
  /** Of the gateway, for what the courier says by itself. */
  readonly sensor: string;
  readonly uuid: string;
  readonly url: string;
  /** Names in small letters. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** PEM; undefined: the public authorities. */
  readonly ca: string | undefined;
  readonly format: "json-lines" | "json-array";
  /** Bytes and milliseconds. */
  readonly batch: { readonly events: number; readonly bytes: number; readonly wait: number };
  /** Milliseconds. */
  readonly timeout: number;
  readonly retry: { readonly first: number; readonly most: number };
}

export type FromCourier =
  | { readonly kind: "ready" }
  /** Wants a connection to the receiver; `ask` comes back with it. */
  | { readonly kind: "connect"; readonly ask: number }
  | ({ readonly kind: "tally" } & CourierTally)
  /** For the log. */
  | { readonly kind: "problem" | "recovered"; readonly message: string };

/** Since the courier's start. */
export interface CourierTally {
  /** Events that the receiver took. */
  readonly sent: number;
  /** Requests that it did not take, for whatever reason. */
  readonly failed: number;
  /** Events that it finds too large by themselves; they are not sent again. */
  readonly refused: number;
}
