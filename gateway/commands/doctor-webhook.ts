import { secured } from "../courier/secured.ts";
import type { Policy } from "../model/policy.ts";
import { connectTo } from "../warden/courier-connection.ts";
import { courierTask } from "../warden/courier-task.ts";
import { look, type Finding } from "./finding.ts";

/**
 * The files that the policy names for its webhook, and, only where that was asked for, its name, a connection and the handshake of TLS.
 * No request is sent.
 */
export async function examineWebhook(policy: Policy, isToBeTried: boolean): Promise<Finding[]> {
  const { webhook } = policy.events;
  if (webhook === undefined) return [];
  const finding = await look("webhook", async () => {
    const { configuration, receiver, timeout } = await courierTask(webhook, { sensor: "", uuid: "" });
    const where = `${receiver.host} port ${receiver.port}`;
    if (!isToBeTried) return `events go to ${where}; --webhook tries to connect`;
    const socket = await connectTo(receiver, timeout);
    (await secured(configuration, socket, AbortSignal.timeout(timeout))).destroy();
    return `${where} takes connections${webhook.url.startsWith("https:") ? ", and its certificate is good" : ""}; no request was sent`;
  });
  return [finding];
}
