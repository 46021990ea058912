const LONGEST = 200;

/** A line that the operator types. */
export class Prompt {
  text = "";

  /** What came of a key: it goes on, it was entered, or it was given up. */
  key(key: string): "open" | "entered" | "left" {
    if (key === "enter") return "entered";
    if (key === "escape" || key === "\x03") return "left";
    if (key === "\x15") this.text = "";
    else if (key === "backspace") {
      if (this.text === "") return "left";
      this.text = Array.from(this.text).slice(0, -1).join("");
    } else if (Array.from(key).length === 1 && key >= " " && this.text.length < LONGEST) this.text += key;
    return "open";
  }
}
