import type { SandboxId } from "../model/ids.ts";

/**
 * Sandboxes that could not be removed when they should have been, because the engine was dead or said no. Each is tried
 * again when the engine is back, when the next one is made, and at the end: none outlives the gateway for a restart of the engine.
 *
 * What the engine has and nobody here knows is a stray, too: it made it, and was killed before it could say so.
 */
export class Strays {
  /** All that the engine was asked for and that are not gone. */
  readonly #known = new Set<SandboxId>();
  readonly #removals = new Map<string, () => Promise<void>>();
  #sweeping: Promise<void> | undefined;

  /** Before the engine is asked to make it. */
  expect(id: SandboxId): void {
    this.#known.add(id);
  }

  /** It is gone, or was never made as far as the engine has said. */
  forget(id: SandboxId): void {
    this.#known.delete(id);
  }

  knows(id: string | undefined): boolean {
    return this.#known.has(id as SandboxId);
  }

  /** Carries a removal out; one that fails is kept. */
  async remove(container: string, removal: () => Promise<void>): Promise<void> {
    try {
      await removal();
      this.#removals.delete(container);
    } catch (error) {
      this.#removals.set(container, removal);
      throw error;
    }
  }

  /** Never rejects. */
  sweep(): Promise<void> {
    this.#sweeping ??= this.#sweepAll().finally(() => {
      this.#sweeping = undefined;
    });
    return this.#sweeping;
  }

  async #sweepAll(): Promise<void> {
    for (const [container, removal] of this.#removals) {
      try {
        await this.remove(container, removal);
      } catch {
        // An engine that does not answer for one does not for the others. It stays kept.
        return;
      }
    }
  }
}
