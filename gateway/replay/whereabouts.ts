import { access } from "node:fs/promises";
import { isMissing } from "../model/missing.ts";

/** Where a recording is: one of a session that lives is moved when the session ends. */
export class Whereabouts {
  #path: string;
  readonly #find: () => Promise<string>;

  constructor(path: string, find: () => Promise<string>) {
    this.#path = path;
    this.#find = find;
  }

  async path(): Promise<string> {
    try {
      await access(this.#path);
    } catch (error) {
      if (!isMissing(error)) throw error;
      this.#path = await this.#find();
    }
    return this.#path;
  }
}
