import { isSftpServer, isShell } from "../../evidence/exec-kind.ts";
import { ScpFiles } from "../../evidence/scp-files.ts";
import { SftpFiles } from "../../evidence/sftp-files.ts";
import { ShellCommands } from "../../evidence/shell-commands.ts";
import { ShellLines } from "../../evidence/shell-lines.ts";
import type { OpenContents } from "../../evidence/contents.ts";
import type { Origin } from "../../model/entries.ts";
import type { ConnectionMessage } from "../../ssh/messages/message.ts";
import type { RequestDetail } from "../../ssh/messages/channel-request.ts";
import type { FileStore } from "./file-store.ts";
import { PlainInput } from "./plain-input.ts";
import { ShellFiles, type GrowingFiles } from "./shell-files.ts";

/** Some clients ask for all of a file before they read the first answer. */
const MOST_ASKED = 16_384;

type Contents =
  | { readonly kind: "opaque" }
  | { readonly kind: "terminal"; readonly lines: ShellLines }
  | { readonly kind: "plain"; readonly input: PlainInput }
  | { readonly kind: "standard input" }
  | { readonly kind: "sftp"; readonly files: SftpFiles }
  | { readonly kind: "scp"; readonly files: ScpFiles };

/** Files that came and went through one channel. */
export class ChannelFiles {
  readonly #channel: number;
  readonly #store: FileStore;
  readonly #shell: ShellFiles;
  readonly #commands = new ShellCommands();
  #columns: number | undefined;
  #contents: Contents = { kind: "opaque" };
  #at = "";
  #ended = false;
  #closedBy: Origin | undefined;
  over = false;

  constructor(channel: number, store: FileStore, growing: GrowingFiles) {
    this.#channel = channel;
    this.#store = store;
    this.#shell = new ShellFiles(growing, channel);
  }

  /** @param at time of day. */
  message(from: Origin, message: ConnectionMessage, at: string): void {
    this.#at = at;
    switch (message.kind) {
      case "channel-data":
        this.#guarded(() => {
          this.#data(from, message.data);
        });
        break;
      case "channel-request":
        if (from === "downstream") this.#request(message.request);
        break;
      case "channel-eof":
        if (from === "downstream") this.#inputEnds(true);
        break;
      case "channel-close":
        if (this.#closedBy !== undefined && this.#closedBy !== from) this.end();
        this.#closedBy = from;
        break;
      case "channel-open-failure":
        this.end();
        break;
      default:
    }
  }

  end(): void {
    if (this.over) return;
    this.over = true;
    this.#inputEnds(false);
    const contents = this.#contents;
    if (contents.kind === "sftp" || contents.kind === "scp") contents.files.end();
  }

  #inputEnds(inOrder: boolean): void {
    if (this.#ended) return;
    this.#ended = true;
    const contents = this.#contents;
    if (contents.kind === "terminal") {
      contents.lines.end();
      this.#commands.end(undefined);
      this.#lines();
    } else if (contents.kind === "plain") contents.input.end(this.#at);
    this.#shell.end(inOrder);
  }

  #data(from: Origin, data: Buffer): void {
    const contents = this.#contents;
    const isInput = from === "downstream";
    switch (contents.kind) {
      case "opaque":
        break;
      case "terminal":
        if (isInput) contents.lines.input(data);
        else contents.lines.output(data);
        this.#lines();
        break;
      case "plain":
        if (isInput) contents.input.push(data, this.#at);
        break;
      case "standard input":
        if (isInput) this.#shell.input(data);
        break;
      case "sftp":
        if (isInput) contents.files.client(data);
        else contents.files.server(data);
        break;
      case "scp":
        if (from === contents.files.sender) contents.files.push(data);
        break;
      default:
        contents satisfies never;
    }
  }

  #lines(): void {
    for (const told of this.#commands.take()) {
      if (told.kind === "typed") this.#shell.typed(told.text, false);
      else if (told.kind === "command")
        for (const [index, line] of told.text.split("\n").entries())
          if (index === 0) this.#shell.prompted(line, told.exact, this.#at);
          else this.#shell.line(line, told.exact, this.#at);
    }
  }

  #request(request: RequestDetail): void {
    switch (request.kind) {
      case "pty-req":
        this.#columns = request.size.columns;
        break;
      case "window-change":
        if (this.#contents.kind === "terminal") this.#contents.lines.resize(request.size.columns);
        break;
      case "shell":
        this.#contents = this.#shellContents();
        break;
      case "exec":
        this.#contents = this.#program(request.command);
        break;
      case "subsystem":
        if (request.subsystem === "sftp") this.#contents = this.#sftp();
        break;
      default:
    }
  }

  #shellContents(): Contents {
    return this.#columns === undefined
      ? { kind: "plain", input: new PlainInput(this.#shell) }
      : { kind: "terminal", lines: new ShellLines(this.#columns, (line) => this.#commands.line(line, 0n)) };
  }

  #program(command: string): Contents {
    if (isShell(command)) return this.#shellContents();
    if (isSftpServer(command)) return this.#sftp();
    const files = ScpFiles.of(command, this.#transferred);
    if (files !== undefined) return { kind: "scp", files };
    this.#shell.command(command, this.#at);
    return { kind: "standard input" };
  }

  #sftp(): Contents {
    return { kind: "sftp", files: new SftpFiles({ contents: this.#transferred, mostAsked: MOST_ASKED }) };
  }

  readonly #transferred: OpenContents = ({ protocol, path }) =>
    this.#store.add({ way: protocol, path, channel: this.#channel, at: this.#at });

  /** What strangers send may be anything; what cannot be read is not looked at any further. */
  #guarded(read: () => void): void {
    try {
      read();
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.#contents = { kind: "opaque" };
    }
  }
}
