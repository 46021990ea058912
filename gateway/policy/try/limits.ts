/** Keys of a policy that end a session, keep one from beginning, or stop what its sandbox sends. */
export const LIMITS = [
  "limits.connections",
  "limits.connectionsPerSource",
  "limits.starts",
  "auth.maxTries",
  "deadlines.login",
  "deadlines.session",
  "deadlines.idle",
  "sandbox.life",
  "sandbox.most",
  "limits.recordingSize",
  "network.rates.tcp",
  "network.rates.udp",
  "network.rates.icmp",
  "network.rates.other",
  "network.connections",
  "network.dns.rate",
  "network.caps.up",
  "network.caps.down",
] as const;

export type Limit = (typeof LIMITS)[number];
