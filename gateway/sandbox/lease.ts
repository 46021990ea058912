import type { SandboxId, SessionId } from "../model/ids.ts";
import type { Ensured } from "./account-keeper.ts";
import type { AssignedSandbox } from "./lifecycle.ts";

/** The right of one session to use its source's sandbox, until it is disposed of. */
export class Lease implements AsyncDisposable {
  readonly session: SessionId;
  /** Canonical source key. */
  readonly source: string;
  readonly #release: (lease: Lease) => Promise<void>;
  #granted: Granted | undefined;
  #released: Promise<void> | undefined;

  constructor(session: SessionId, source: string, release: (lease: Lease) => Promise<void>) {
    this.session = session;
    this.source = source;
    this.#release = release;
  }

  grant(granted: Granted): void {
    this.#granted = granted;
  }

  get sandbox(): { id: SandboxId; container: string; address: string; image: string } {
    return this.#use.sandbox;
  }

  /** `new`: nobody was in it before. `returning`: this source's own from before. `shared`: other sessions are in it now. */
  get state(): "new" | "returning" | "shared" {
    return this.#use.state;
  }

  /** When the sandbox's total life ends. */
  get expires(): Date {
    return this.#use.expires;
  }

  /** Not released, and the sandbox neither ended nor at its life's end. */
  get alive(): boolean {
    return this.#released === undefined && this.#granted?.isAlive() === true;
  }

  /** As AssignedSandbox. */
  hasPassword(user: string): Promise<boolean> {
    return this.#use.sandbox.hasPassword(user);
  }

  ensureAccount(user: string, password: Uint8Array): Promise<Ensured> {
    return this.#use.sandbox.ensureAccount(user, password);
  }

  readAuthorizedKeys(user: string): Promise<Buffer | undefined> {
    return this.#use.sandbox.readAuthorizedKeys(user);
  }

  get #use(): Granted {
    if (!this.#granted) throw new Error("the lease has no sandbox yet");
    return this.#granted;
  }

  /** The sandbox waits for its source's return, or goes. Does not wait for a capture. */
  [Symbol.asyncDispose](): Promise<void> {
    return (this.#released ??= this.#release(this));
  }
}

export interface Granted {
  readonly sandbox: AssignedSandbox;
  readonly state: "new" | "returning" | "shared";
  readonly expires: Date;
  readonly isAlive: () => boolean;
}
