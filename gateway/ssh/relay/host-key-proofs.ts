import type { HostKeyFile } from "../../model/persona.ts";
import { buildRequestFailure, buildRequestSuccess } from "../messages/global.ts";
import { string } from "../messages/writer.ts";
import { parseHostKey, signWith } from "../transport/host-key.ts";
import { hostKeyBlob } from "../userauth/host-key.ts";

export const PROVE_REQUEST = "hostkeys-prove-00@openssh.com";

/** More than this in one reply would not fit into a packet (256 KiB in OpenSSH). Bytes. */
const LONGEST_REPLY = 200_000;

/**
 * Answers `hostkeys-prove-00@openssh.com` (OpenSSH's PROTOCOL section 2.5), with which a client that was shown all host keys asks that the
 * server prove to have them. The proof is over the session id of the leg it is asked on, so it cannot come from upstream.
 * Each key signs once for a session, however often it is asked.
 */
export class HostKeyProofs {
  readonly #files: readonly HostKeyFile[];
  readonly #sessionId: Buffer;
  readonly #rsaAlgorithm: string;
  readonly #signatures = new Map<HostKeyFile, Promise<Buffer>>();

  /** `agreed`: the host key algorithm of the leg; if it is an RSA one, RSA proofs use it, as sshd's do. */
  constructor(files: readonly HostKeyFile[], sessionId: Buffer, agreed: string) {
    this.#files = files;
    this.#sessionId = sessionId;
    this.#rsaAlgorithm = agreed.startsWith("rsa-sha2-") ? agreed : "rsa-sha2-512";
  }

  /**
   * The reply to a request for these keys (undefined: it was cut short): one that we do not have makes it a failure as a whole.
   * The keys may be views of a payload: they are not looked at after this returned.
   */
  reply(keys: readonly Buffer[] | undefined): Promise<Buffer> {
    const files = keys?.map((key) => this.#files.find((file) => hostKeyBlob(file).equals(key)));
    return this.#prove(files ?? [undefined]);
  }

  async #prove(files: readonly (HostKeyFile | undefined)[]): Promise<Buffer> {
    const signatures: Buffer[] = [];
    let length = 0;
    for (const file of files) {
      if (file === undefined) return buildRequestFailure();
      const signature = await this.#signature(file);
      length += signature.length;
      if (length > LONGEST_REPLY) return buildRequestFailure();
      signatures.push(signature);
    }
    return buildRequestSuccess(...signatures);
  }

  #signature(file: HostKeyFile): Promise<Buffer> {
    const known = this.#signatures.get(file);
    if (known !== undefined) return known;
    const data = Buffer.concat([string(PROVE_REQUEST), string(this.#sessionId), string(hostKeyBlob(file))]);
    const algorithm = file.type === "ssh-rsa" ? this.#rsaAlgorithm : file.type;
    const signature = signWith(parseHostKey(file.privateKey), algorithm, data).then(string);
    this.#signatures.set(file, signature);
    return signature;
  }
}
