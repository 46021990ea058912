import { buildRequestFailure, buildRequestSuccess } from "../messages/global.ts";
import { string } from "../messages/writer.ts";

/** One host key that can sign. */
export interface HostKeySigner {
  /** As in the blob: "ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa". */
  readonly type: string;
  /** Public key in wire form. */
  readonly blob: Buffer;
  /** A signature in wire form, made with that signature algorithm. */
  sign(algorithm: string, data: Buffer): Buffer;
}

export const PROVE_REQUEST = "hostkeys-prove-00@openssh.com";

/** More than this in one reply would not fit into a packet (256 KiB in OpenSSH). */
const LONGEST_REPLY = 200_000;

/**
 * Answers `hostkeys-prove-00@openssh.com` (OpenSSH's PROTOCOL section 2.5), with which a client that was shown all host keys asks that the
 * server prove to have them. The proof is over the session id of the leg it is asked on, so it cannot come from upstream.
 * Each key signs once for a session, however often it is asked.
 */
export class HostKeyProofs {
  readonly #signers: readonly HostKeySigner[];
  readonly #sessionId: Buffer;
  readonly #rsaAlgorithm: string;
  readonly #signatures = new Map<HostKeySigner, Buffer>();

  /** `agreed`: the host key algorithm of the leg; if it is an RSA one, RSA proofs use it, as sshd's do. */
  constructor(signers: readonly HostKeySigner[], sessionId: Buffer, agreed: string) {
    this.#signers = signers;
    this.#sessionId = sessionId;
    this.#rsaAlgorithm = agreed.startsWith("rsa-sha2-") ? agreed : "rsa-sha2-512";
  }

  /** The reply to a request for these keys (undefined: it was cut short): one that we do not have makes it a failure as a whole. */
  reply(keys: readonly Buffer[] | undefined): Buffer {
    if (keys === undefined) return buildRequestFailure();
    const signatures: Buffer[] = [];
    let length = 0;
    for (const key of keys) {
      const signer = this.#signers.find(({ blob }) => blob.equals(key));
      if (signer === undefined) return buildRequestFailure();
      const signature = this.#signature(signer);
      length += signature.length;
      if (length > LONGEST_REPLY) return buildRequestFailure();
      signatures.push(signature);
    }
    return buildRequestSuccess(...signatures);
  }

  #signature(signer: HostKeySigner): Buffer {
    const known = this.#signatures.get(signer);
    if (known !== undefined) return known;
    const data = Buffer.concat([string(PROVE_REQUEST), string(this.#sessionId), string(signer.blob)]);
    const algorithm = signer.type === "ssh-rsa" ? this.#rsaAlgorithm : signer.type;
    const signature = string(signer.sign(algorithm, data));
    this.#signatures.set(signer, signature);
    return signature;
  }
}
