/** The lab's address plan: which network belongs to which VLAN, and who has which address in it. */
import type { Ipv4, Mac } from '../hal/nic.ts';
import { maskOf } from './dhcp-server.ts';

export interface Network {
  readonly vlan: number;
  /** The address with all host bits zero. */
  readonly base: Ipv4;
  readonly prefixLength: number;
  readonly mask: Ipv4;
  /** The router and DHCP server, `.0.1`. */
  readonly gateway: Ipv4;
  /** The pool for phones. */
  readonly first: Ipv4;
  readonly last: Ipv4;
}

/**
 * VLAN n up to 255 is 10.n.0.0/16, with room for 65,000 phones; what is above is 172.16.0.0/12 cut into /24s. Servers live below `.1.0`
 * of a large network, phones above.
 */
export function networkOf(vlan: number): Network {
  const large = vlan <= 255;
  const base = large ? 0x0a00_0000 + vlan * 0x1_0000 : 0xac10_0000 + vlan * 0x100;
  const prefixLength = large ? 16 : 24;
  return {
    vlan,
    base,
    prefixLength,
    mask: maskOf(prefixLength),
    gateway: base + 1,
    first: base + (large ? 0x0100 : 32),
    last: base + (large ? 0xfeff : 254),
  };
}

/** Host numbers within the servers' network. */
export const HOST_NUMBER = { gateway: 1, services: 2, tftp: 3, callManager: 11 } as const;

/** Locally administered; the last two octets are a running number. The switch itself is 0. */
export function labMac(number: number): Mac {
  return 0x025e_1ab0_0000 + number;
}
