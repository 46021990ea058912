import { STATUS_CODES } from "node:http";
import { toByteString, type ByteString } from "../model/bytes.ts";
import type { Conversation, Replies } from "./conversation.ts";

/** As nginx's own default (large_client_header_buffers). */
const LARGEST_HEAD = 8192;
const SERVER = "nginx/1.22.1";
const HEAD_END = "\r\n\r\n";
const PAGE =
  "<!DOCTYPE html>\n<html>\n<head><title>Home</title></head>\n<body><h1>It works</h1></body>\n</html>\n";

/** Whether bytes that nothing was said before are the beginning of a request; undefined while that is open. */
export function isHttp(bytes: Buffer): boolean | undefined {
  const start = bytes.toString("latin1", 0, 20);
  if (/^[A-Z]{3,16} /.test(start)) return true;
  return /^[A-Z]{0,16}$/.test(start) && bytes.length <= 16 ? undefined : false;
}

/** A web server with one small page. */
export class HttpConversation implements Conversation {
  readonly #replies: Replies;
  #head: Buffer = Buffer.alloc(0);
  /** What is left of a request's body. */
  #body = 0;
  #over = false;

  constructor(replies: Replies) {
    this.#replies = replies;
  }

  take(chunk: Buffer): void {
    let bytes = chunk;
    while (bytes.length > 0 && !this.#over) {
      if (this.#body > 0) {
        const skipped = Math.min(this.#body, bytes.length);
        this.#body -= skipped;
        bytes = bytes.subarray(skipped);
        continue;
      }
      const head = Buffer.concat([this.#head, bytes]);
      const end = head.indexOf(HEAD_END, 0, "latin1");
      if (end === -1) {
        this.#head = head;
        if (head.length > LARGEST_HEAD) this.#answer(400, "GET", false);
        return;
      }
      this.#head = Buffer.alloc(0);
      bytes = head.subarray(end + HEAD_END.length);
      this.#request(head.toString("latin1", 0, end));
    }
  }

  #request(head: string): void {
    // Some send an empty line behind a body.
    const [line = "", ...fields] = head.replace(/^(\r\n)+/, "").split("\r\n");
    const request = /^([A-Z]{1,32}) (\S+) HTTP\/1\.([01])$/.exec(line);
    if (!request) {
      this.#answer(400, "GET", false);
      return;
    }
    const [, method = "", target = "", minor = "1"] = request;
    const value = (name: string) =>
      fields
        .find((field) => field.toLowerCase().startsWith(`${name}:`))
        ?.slice(name.length + 1)
        .trim();
    const absolute = /^[a-z]{2,8}:\/\/([^/?#]*)(.*)$/i.exec(target);
    const host = absolute?.[1] ?? value("host");
    if (host !== undefined && host !== "") this.#replies.named(hostName(host));
    if (host === undefined && minor === "1") {
      this.#answer(400, method, false);
      return;
    }
    const length = Number(value("content-length") ?? 0);
    const wanted = value("connection")?.toLowerCase();
    const keeps =
      Number.isSafeInteger(length) &&
      length >= 0 &&
      // A body in chunks is not taken apart: the connection ends behind the answer.
      value("transfer-encoding") === undefined &&
      (minor === "1" ? wanted !== "close" : wanted === "keep-alive");
    if (keeps && value("expect")?.toLowerCase() === "100-continue")
      this.#replies.send("HTTP/1.1 100 Continue\r\n\r\n");
    this.#body = keeps ? length : 0;
    const path = (absolute ? absolute[2] : target) ?? "";
    this.#answer(statusOf(method, path === "" ? "/" : path), method, keeps);
  }

  #answer(status: number, method: string, keeps: boolean): void {
    const page = status === 200 ? PAGE : errorPage(status);
    const head = [
      `HTTP/1.1 ${status} ${reason(status)}`,
      `Server: ${SERVER}`,
      `Date: ${new Date().toUTCString()}`,
      "Content-Type: text/html",
      `Content-Length: ${page.length}`,
      `Connection: ${keeps ? "keep-alive" : "close"}`,
    ];
    this.#replies.send(`${head.join("\r\n")}${HEAD_END}${method === "HEAD" ? "" : page}`);
    if (keeps) return;
    this.#over = true;
    this.#replies.end();
  }
}

function statusOf(method: string, path: string): number {
  const found = /^\/(\?.*)?$/.test(path);
  if (method === "GET" || method === "HEAD") return found ? 200 : 404;
  if (method === "POST") return found ? 405 : 404;
  return 405;
}

/** nginx has a name of its own for it. */
function reason(status: number): string {
  return status === 405 ? "Not Allowed" : (STATUS_CODES[status] ?? "");
}

function errorPage(status: number): string {
  const title = `${status} ${reason(status)}`;
  return [
    "<html>",
    `<head><title>${title}</title></head>`,
    "<body>",
    `<center><h1>${title}</h1></center>`,
    `<hr><center>${SERVER}</center>`,
    "</body>",
    "</html>",
    "",
  ].join("\r\n");
}

function hostName(host: string): ByteString {
  return toByteString(Buffer.from(host.replace(/:\d{1,5}$/, ""), "latin1"));
}
