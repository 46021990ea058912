import { randomBytes } from "node:crypto";
import type { Conversation, Replies } from "./conversation.ts";

/** Postfix's own bounds. */
const LONGEST_LINE = 2048;
const LARGEST_MAIL = 10_240_000;
const MOST_RECIPIENTS = 100;
const MOST_ERRORS = 20;

type Expected = "command" | "mail" | "user" | "password" | "authentication";

/** A mail server that takes every mail from everybody, and delivers none. */
export class SmtpConversation implements Conversation {
  readonly #replies: Replies;
  readonly #host: string;
  #line: Buffer = Buffer.alloc(0);
  #expects: Expected = "command";
  #greeted = false;
  #sender = false;
  #recipients = 0;
  #errors = 0;
  #over = false;

  constructor(host: string, replies: Replies) {
    this.#replies = replies;
    this.#host = host;
  }

  greet(): void {
    this.#say(`220 ${this.#host} ESMTP Postfix`);
  }

  take(chunk: Buffer): void {
    let bytes = Buffer.concat([this.#line, chunk]);
    for (let end = bytes.indexOf(10); end !== -1 && !this.#over; end = bytes.indexOf(10)) {
      const line = bytes.toString("latin1", 0, end).replace(/\r$/, "");
      bytes = bytes.subarray(end + 1);
      this.#take(line);
    }
    // Of a line without an end its beginning is enough: mail is not kept, and no command is that long.
    this.#line = Buffer.from(bytes.subarray(0, LONGEST_LINE));
  }

  #take(line: string): void {
    switch (this.#expects) {
      case "command":
        this.#command(line.slice(0, LONGEST_LINE));
        return;
      case "mail":
        if (line !== ".") return;
        this.#reset();
        this.#say(`250 2.0.0 Ok: queued as ${randomBytes(5).toString("hex").toUpperCase()}`);
        return;
      case "user":
        this.#expects = "password";
        // "Password:"
        this.#say("334 UGFzc3dvcmQ6");
        return;
      case "password":
      case "authentication":
        this.#expects = "command";
        this.#say(line === "*" ? "501 5.7.0 Authentication aborted" : "235 2.7.0 Authentication successful");
        return;
      default:
        this.#expects satisfies never;
    }
  }

  #command(line: string): void {
    const [verb, argument] = split(line);
    switch (verb.toUpperCase()) {
      case "EHLO":
      case "HELO":
        if (argument === "") this.#wrong(`501 Syntax: ${verb.toUpperCase()} hostname`);
        else this.#hello(verb.toUpperCase() === "EHLO");
        return;
      case "MAIL":
        if (!this.#greeted) this.#wrong("503 5.5.1 Error: send HELO/EHLO first");
        else if (this.#sender) this.#wrong("503 5.5.1 Error: nested MAIL command");
        else if (!/^from:\s*\S/i.test(argument)) this.#wrong("501 5.5.4 Syntax: MAIL FROM:<address>");
        else {
          this.#sender = true;
          this.#say("250 2.1.0 Ok");
        }
        return;
      case "RCPT":
        if (!this.#sender) this.#wrong("503 5.5.1 Error: need MAIL command");
        else if (!/^to:\s*\S/i.test(argument)) this.#wrong("501 5.5.4 Syntax: RCPT TO:<address>");
        else if (this.#recipients >= MOST_RECIPIENTS) this.#wrong("452 4.5.3 Error: too many recipients");
        else {
          this.#recipients++;
          this.#say("250 2.1.5 Ok");
        }
        return;
      case "DATA":
        if (this.#recipients === 0) this.#wrong("503 5.5.1 Error: need RCPT command");
        else {
          this.#expects = "mail";
          this.#say("354 End data with <CR><LF>.<CR><LF>");
        }
        return;
      case "AUTH":
        this.#authenticate(argument);
        return;
      case "STARTTLS":
        if (!this.#replies.startTls) this.#wrong("503 5.5.1 Error: TLS already active");
        else {
          // What was sent before the answer does not belong into the TLS that follows.
          this.#over = true;
          this.#say("220 2.0.0 Ready to start TLS");
          this.#replies.startTls();
        }
        return;
      case "RSET":
        this.#reset();
        this.#say("250 2.0.0 Ok");
        return;
      case "NOOP":
        this.#say("250 2.0.0 Ok");
        return;
      case "VRFY":
        this.#say(`252 2.0.0 ${argument}`);
        return;
      case "QUIT":
        this.#over = true;
        this.#say("221 2.0.0 Bye");
        this.#replies.end();
        return;
      default:
        this.#wrong("502 5.5.2 Error: command not recognized");
    }
  }

  #hello(extended: boolean): void {
    this.#reset();
    this.#greeted = true;
    const lines = [
      this.#host,
      ...(extended ? ["PIPELINING", `SIZE ${LARGEST_MAIL}`] : []),
      ...(extended && this.#replies.startTls ? ["STARTTLS"] : []),
      ...(extended ? ["AUTH PLAIN LOGIN", "ENHANCEDSTATUSCODES", "8BITMIME"] : []),
    ];
    for (const [index, line] of lines.entries())
      this.#say(`250${index === lines.length - 1 ? " " : "-"}${line}`);
  }

  #authenticate(argument: string): void {
    const [method, initial] = split(argument);
    switch (method.toUpperCase()) {
      case "PLAIN":
        if (initial === "") this.#challenge("authentication", "334 ");
        else this.#say("235 2.7.0 Authentication successful");
        return;
      case "LOGIN":
        // "Username:"
        if (initial === "") this.#challenge("user", "334 VXNlcm5hbWU6");
        else this.#challenge("password", "334 UGFzc3dvcmQ6");
        return;
      default:
        this.#wrong("535 5.7.8 Error: authentication failed: Invalid authentication mechanism");
    }
  }

  #challenge(expects: Expected, line: string): void {
    this.#expects = expects;
    this.#say(line);
  }

  #reset(): void {
    this.#expects = "command";
    this.#sender = false;
    this.#recipients = 0;
  }

  #wrong(line: string): void {
    if (++this.#errors < MOST_ERRORS) {
      this.#say(line);
      return;
    }
    this.#over = true;
    this.#say(`421 4.7.0 ${this.#host} Error: too many errors`);
    this.#replies.end();
  }

  #say(line: string): void {
    this.#replies.send(`${line}\r\n`);
  }
}

/** The first word, and what follows it. */
function split(line: string): [string, string] {
  const space = line.indexOf(" ");
  return space === -1 ? [line.trim(), ""] : [line.slice(0, space), line.slice(space + 1).trim()];
}
