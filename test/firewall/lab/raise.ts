/** Raises the lab's fence and bars the ports, says so, and waits to be killed. */
import { raiseFence } from "../../../gateway/firewall/fence.ts";
import { parseSubnet } from "../../../gateway/firewall/subnet.ts";
import { SLOT, NETWORK } from "./network.ts";

await raiseFence({ slot: SLOT, subnet: parseSubnet(process.argv[2] ?? ""), network: NETWORK });
console.log("raised");
setInterval(() => undefined, 60_000);
