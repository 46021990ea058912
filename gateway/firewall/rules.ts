import type { FencePlan } from "./plan.ts";

/**
 * How long a path's entry waits for its SYN, in seconds. The connect follows within milliseconds; after it, conntrack
 * keeps the translation.
 */
export const PATH_LIFE = 20;

/**
 * The slot's whole rule set as one nftables transaction that replaces whatever the slot had before.
 *
 * Every `drop` is final whatever other tables say, so no priority of Docker's, ufw's or firewalld's chains can open
 * what is shut here. The first chain alone already holds all of it; the ones behind it are there for the day when a
 * hook is bypassed or a rule is edited by hand.
 */
export function rulesText(plan: FencePlan): string {
  return `table inet ${plan.table}
delete table inet ${plan.table}
table bridge ${plan.table}
delete table bridge ${plan.table}
${inetTable(plan)}
${bridgeTable(plan)}
`;
}

function inetTable({ bridge, table, subnet, gateway, sshPort, fronts, archivist }: FencePlan): string {
  const newConnection = "tcp flags & (syn | ack) == syn";
  const notNew = "tcp flags & (syn | ack) != syn";
  return `table inet ${table} {
	# Local port of a path to a sandbox -> the attacker that is shown in its place.
	map source_of {
		type inet_service : ipv4_addr . inet_service
		size 65535
		flags timeout
		timeout ${PATH_LIFE}s
	}

	# After conntrack (-200), before every address translation (-100).
	chain prerouting {
		type filter hook prerouting priority -150; policy accept;
		iifname "${bridge}" goto from_sandbox
		iifname "lo" accept
		ip saddr ${subnet.cidr} counter drop comment "outsider that claims to be a sandbox"
		ip daddr ${subnet.cidr} counter drop comment "outsider that wants to reach a sandbox"
	}

	# Sandboxes may answer what the host asked their sshd, nothing else, to nobody else.
	chain from_sandbox {
		meta nfproto != ipv4 counter drop comment "no IPv6"
		ip saddr != ${subnet.cidr} counter drop comment "spoofed source"
		ip saddr ${gateway} counter drop comment "claims to be the host"
		tcp sport ${sshPort} ${notNew} ct state established ct direction reply accept
		counter drop comment "everything else from a sandbox"
	}

	chain input {
		type filter hook input priority -10; policy accept;
		iifname "${bridge}" goto to_host
	}

	chain to_host {
		ip daddr ${gateway} tcp sport ${sshPort} ct state established accept
		counter drop comment "the host and its services"
	}

	# Between sandboxes too, where bridged frames are shown to this hook.
	chain forward {
		type filter hook forward priority -10; policy accept;
		iifname "${bridge}" counter drop comment "forwarded out"
		oifname "${bridge}" counter drop comment "forwarded in"
	}

	chain output {
		type filter hook output priority -10; policy accept;
		meta skuid ${fronts[0]}-${fronts[1]} goto from_front
		meta skuid ${archivist} goto from_archivist
		oifname "${bridge}" goto to_sandbox
	}

	# A captured front can answer those who connected to it and knock at the sandboxes' sshd: no scan, no loopback.
	chain from_front {
		meta l4proto != tcp counter reject with icmpx admin-prohibited comment "a front, not TCP"
		${notNew} accept
		oifname "${bridge}" ip daddr ${subnet.cidr} tcp dport ${sshPort} ${newConnection} accept
		counter reject with tcp reset comment "a front, elsewhere"
	}

	chain from_archivist {
		meta l4proto tcp counter reject with tcp reset comment "the archivist"
		counter reject with icmpx admin-prohibited comment "the archivist"
	}

	chain to_sandbox {
		ip daddr ${subnet.cidr} tcp dport ${sshPort} ${notNew} accept
		ip daddr ${subnet.cidr} tcp dport ${sshPort} meta skuid 0 accept
		counter drop comment "the host, but not root's SSH"
	}

	# Before Docker's and others' source translation (100): the first one to decide wins.
	chain postrouting {
		type nat hook postrouting priority 90; policy accept;
		oifname "${bridge}" ip saddr ${gateway} tcp dport ${sshPort} snat ip to tcp sport map @source_of
	}
}`;
}

/**
 * Frames from one port of the bridge to another. Which bridge a frame is on cannot be asked on every kernel, but
 * whose addresses it carries can.
 */
function bridgeTable({ table, subnet, gateway }: FencePlan): string {
  return `table bridge ${table} {
	chain prerouting {
		type filter hook prerouting priority -310; policy accept;
		arp saddr ip ${gateway} counter drop comment "ARP that claims to be the host"
	}

	chain forward {
		type filter hook forward priority -210; policy accept;
		ip saddr ${subnet.cidr} counter drop comment "sandbox to sandbox"
		ip daddr ${subnet.cidr} counter drop comment "sandbox to sandbox"
		arp saddr ip ${subnet.cidr} counter drop comment "ARP between sandboxes"
		arp daddr ip ${subnet.cidr} counter drop comment "ARP between sandboxes"
	}
}`;
}
