import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

/** A terminal of tmux's, with a program in it: what it is sent, what it shows. */
export class Tmux {
  readonly folder: string;

  /** @param command of sh; the terminal stays when it has ended. */
  constructor(t: TestContext, columns: number, rows: number, command: string) {
    this.folder = mkdtempSync(join(tmpdir(), "mitsubako-test-tmux-"));
    const kept = `${command}; exec sleep 600`;
    this.#tmux("new-session", "-d", "-x", String(columns), "-y", String(rows), kept);
    t.after(() => {
      this.#tmux("kill-server");
      rmSync(this.folder, { recursive: true, force: true });
    });
  }

  /** By tmux's names: `Right`, `Enter`, `Space`, a character. */
  keys(...keys: readonly string[]): void {
    this.#tmux("send-keys", ...keys);
  }

  /** Rows of text, without blanks at their ends. */
  screen(): string[] {
    const rows = this.#tmux("capture-pane", "-p").split("\n");
    return rows.map((row) => row.trimEnd());
  }

  /** Its text on one line, with the colours as sequences. */
  coloured(): string {
    return this.#tmux("capture-pane", "-p", "-e");
  }

  /** Column and row, from 0. */
  cursor(): [number, number] {
    const [x, y] = this.#tmux("display-message", "-p", "#{cursor_x} #{cursor_y}").split(" ");
    return [Number(x), Number(y)];
  }

  resize(columns: number, rows: number): void {
    this.#tmux("resize-window", "-x", String(columns), "-y", String(rows));
  }

  /** The screen as soon as it holds this. */
  async shows(what: RegExp, without?: RegExp): Promise<string[]> {
    let text = "";
    for (let tries = 0; tries < 1200; tries += 1) {
      const screen = this.screen();
      text = screen.join("\n");
      if (what.test(text) && without?.test(text) !== true) return screen;
      await sleep(50);
    }
    throw new Error(`the terminal does not show ${String(what)}:\n${text}`);
  }

  #tmux(...args: string[]): string {
    return execFileSync("tmux", ["-S", join(this.folder, "socket"), "-f", "/dev/null", ...args], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, TERM: "xterm-256color", LC_ALL: "C.UTF-8", SHELL: "/bin/sh" },
    });
  }
}
