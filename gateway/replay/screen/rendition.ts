/** How characters look (SGR): collects what is set, and says it again from nothing. */
export class Rendition {
  /** The attributes that are on, by the parameter that sets them. */
  #attributes: string[] = [];
  #foreground = "";
  #background = "";
  #underline = "";
  /** The sequence that sets it whatever was set before; "" for plain. */
  look = "";
  /** How cells look that are erased now: the background alone. */
  erased = "";

  apply(parameters: string): void {
    const list = parameters.split(";");
    for (let index = 0; index < list.length; index += 1) index += this.#one(list, index);
    this.#say();
  }

  copy(): Rendition {
    const copy = new Rendition();
    copy.#attributes = [...this.#attributes];
    copy.#foreground = this.#foreground;
    copy.#background = this.#background;
    copy.#underline = this.#underline;
    copy.#say();
    return copy;
  }

  /** Gives how many parameters after this one belong to it. */
  #one(list: readonly string[], index: number): number {
    const parameter = list[index] ?? "";
    const [code = "", ...sub] = parameter.split(":");
    const number = Number(code);
    if (number === 38 || number === 48 || number === 58) {
      if (sub.length > 0) {
        this.#colour(number, parameter);
        return 0;
      }
      const more = list[index + 1] === "5" ? 2 : list[index + 1] === "2" ? 4 : 0;
      if (more > 0 && index + more < list.length)
        this.#colour(number, list.slice(index, index + more + 1).join(";"));
      return more;
    }
    if (number === 0) this.#plain();
    else if (number === 4 && sub[0] === "0") this.#off("4", "21");
    else if (number === 4) this.#on(sub.length > 0 ? parameter : "4");
    else if ([1, 2, 3, 5, 6, 7, 8, 9, 21, 53].includes(number)) this.#on(code);
    else if (number in OFF) this.#off(...(OFF[number] ?? []));
    else if ((number >= 30 && number <= 37) || (number >= 90 && number <= 97)) this.#foreground = code;
    else if ((number >= 40 && number <= 47) || (number >= 100 && number <= 107)) this.#background = code;
    else if (number === 39) this.#foreground = "";
    else if (number === 49) this.#background = "";
    else if (number === 59) this.#underline = "";
    return 0;
  }

  #plain(): void {
    this.#attributes = [];
    this.#foreground = this.#background = this.#underline = "";
  }

  #colour(which: number, text: string): void {
    if (text.length > LONGEST_COLOUR) return;
    if (which === 38) this.#foreground = text;
    else if (which === 48) this.#background = text;
    else this.#underline = text;
  }

  #on(attribute: string): void {
    this.#off(attribute.split(":")[0] ?? "");
    this.#attributes.push(attribute);
  }

  #off(...attributes: readonly string[]): void {
    this.#attributes = this.#attributes.filter((one) => !attributes.includes(one.split(":")[0] ?? ""));
  }

  #say(): void {
    const parts = [...this.#attributes, this.#foreground, this.#background, this.#underline];
    const said = parts.filter((part) => part !== "").join(";");
    this.look = said === "" ? "" : `\x1b[0;${said}m`;
    this.erased = this.#background === "" ? "" : `\x1b[0;${this.#background}m`;
  }
}

const LONGEST_COLOUR = 40;
/** What each of these switches off. */
const OFF: Readonly<Record<number, readonly string[]>> = {
  22: ["1", "2"],
  23: ["3"],
  24: ["4", "21"],
  25: ["5", "6"],
  27: ["7"],
  28: ["8"],
  29: ["9"],
  55: ["53"],
};
