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

/** Stations of one lab. */
const STATIONS = 4096;
/** Labs that can be told apart. */
export const LAB_INSTANCES = 4096;

/** The last station of a lab: it asks a real wire who is there, and never answers. */
export const ASKING_STATION = STATIONS - 1;

const FIRST_MAC: Mac = 0x025e_1a00_0000;

/** Locally administered: 02:5e:1a, 12 bits for the lab, 12 for the station, of which 0 is the switch. Throws when a lab has too many. */
export function labMac(instance: number, station: number): Mac {
  if (station >= STATIONS) throw new Error(`a lab has at most ${STATIONS} stations`);
  return FIRST_MAC + instance * STATIONS + station;
}

/** Whether some lab asks from this address. */
export function isAskingStation(mac: Mac): boolean {
  const offset = mac - FIRST_MAC;
  return offset >= 0 && offset < LAB_INSTANCES * STATIONS && offset % STATIONS === ASKING_STATION;
}

/** Whether the address is of that lab. */
export function isLabMac(instance: number, mac: Mac): boolean {
  const first = labMac(instance, 0);
  return mac >= first && mac < first + STATIONS;
}
