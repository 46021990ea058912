import { isIP } from "node:net";
import { totalmem } from "node:os";

/** What is known of where a policy will be in force. */
export interface Circumstances {
  /** Bytes of memory of the machine. */
  readonly memory?: number;
  /** The address from which the operator works on it. */
  readonly operator?: string;
  /** Whether Docker Engine maps a sandbox's root to an ordinary user; absent where it was not asked. */
  readonly userNamespaces?: boolean;
}

/** What is known of this machine, and of who works on it, without asking anybody. */
export function circumstancesHere(): Circumstances {
  // sshd tells a login where it came from.
  const operator = process.env["SSH_CONNECTION"]?.split(" ")[0] ?? "";
  return { memory: totalmem(), ...(isIP(operator) === 0 ? {} : { operator }) };
}
