import { z } from "zod";

/** What an image's own sshd says of itself on the wire, unreduced. Kept with the image. */
const learnedSchema = z.object({
  /** Without CR LF. */
  identification: z.string().regex(/^SSH-2\.0-[\x20-\x7e]+$/),
  /** The server's KEXINIT (RFC 4253 section 7.1); its lists are the same in both directions. */
  kex: z.array(z.string()).min(1),
  hostKey: z.array(z.string()).min(1),
  cipher: z.array(z.string()).min(1),
  mac: z.array(z.string()).min(1),
  compression: z.array(z.string()).min(1),
  /** `server-sig-algs` (RFC 8308 section 3.1); empty when it sends none. */
  signatureAlgorithms: z.array(z.string()),
  /** Of USERAUTH_FAILURE. */
  methods: z.array(z.string()).min(1),
});

export type Learned = Readonly<z.output<typeof learnedSchema>>;

export function packLearned(learned: Learned): string {
  return Buffer.from(JSON.stringify(learned)).toString("base64");
}

/** Undefined when the label was not written by `packLearned`. */
export function unpackLearned(label: string): Learned | undefined {
  try {
    return learnedSchema.parse(JSON.parse(Buffer.from(label, "base64").toString("utf8")));
  } catch {
    return undefined;
  }
}

/**
 * Reads what `ssh -vv` prints of a server it met. Its debug lines have had this form since OpenSSH 7.2;
 * the first line is the server's identification.
 * Undefined when something is missing.
 */
export function parseClientLog(log: string): Learned | undefined {
  const offer = after(log, "peer server KEXINIT proposal");
  const found = learnedSchema.safeParse({
    identification: log.slice(0, log.search(/\r?\n/)),
    kex: list(offer, /^debug2: KEX algorithms: (.*)$/m),
    hostKey: list(offer, /^debug2: host key algorithms: (.*)$/m),
    cipher: list(offer, /^debug2: ciphers ctos: (.*)$/m),
    mac: list(offer, /^debug2: MACs ctos: (.*)$/m),
    compression: list(offer, /^debug2: compression ctos: (.*)$/m),
    signatureAlgorithms: list(log, /server-sig-algs=<(.*)>/),
    methods: list(log, /^debug1: Authentications that can continue: (.*)$/m),
  });
  return found.success ? found.data : undefined;
}

function after(text: string, mark: string): string {
  const at = text.indexOf(mark);
  return at < 0 ? "" : text.slice(at);
}

function list(text: string, pattern: RegExp): string[] {
  const names = pattern.exec(text.replaceAll("\r", ""))?.[1]?.trim() ?? "";
  return names === "" ? [] : names.split(",");
}
