/** The sandboxes' bridge without any of the fence, so that what is seen is the ports' own doing. It forwards. */
import type { FencePlan } from "../../../gateway/firewall/plan.ts";
import { run } from "./network.ts";

export function layBareBridge({ bridge, gateway, subnet }: FencePlan): void {
  run(`
    ip link add ${bridge} type bridge
    ip address add ${gateway}/${subnet.prefix} dev ${bridge}
    ip link set ${bridge} up
    for a in rp_filter arp_ignore; do echo 0 >/proc/sys/net/ipv4/conf/${bridge}/$a; done
    echo 1 >/proc/sys/net/ipv4/conf/${bridge}/accept_source_route
  `);
}
