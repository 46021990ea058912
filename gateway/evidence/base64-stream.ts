/** Base64 in pieces; whatever is none of its characters is passed over. */
export class Base64Stream {
  #rest = "";
  /** Its end was said by padding. */
  #over = false;

  push(text: string): Buffer {
    if (this.#over) return Buffer.alloc(0);
    const padding = text.indexOf("=");
    this.#over = padding !== -1;
    const all = this.#rest + (this.#over ? text.slice(0, padding) : text).replace(/[^A-Za-z0-9+/]/g, "");
    const whole = this.#over ? all.length : all.length - (all.length % 4);
    this.#rest = all.slice(whole);
    return Buffer.from(all.slice(0, whole), "base64");
  }

  end(): Buffer {
    return this.push("=");
  }
}
