import { formatMac, isLocallyAdministered } from '../device/identity.ts';
import type { Mac } from '../hal/nic.ts';

/**
 * What Sepia refuses on a wire that others use. Functions over what was observed: each gives null, or one sentence that names what was seen and the
 * option that allows it.
 */

/** What this machine does with its interfaces. */
export interface HostFacts {
  /** Interfaces that a default route goes through. */
  readonly defaultRoutes: readonly string[];
  /** Addresses of this machine, except link-local ones of IPv6, which every interface has. */
  readonly addresses: readonly { readonly interface: string; readonly address: string }[];
  /** Interfaces that stand on this one: a bridge it is in, its VLANs, its bond. */
  readonly above: readonly string[];
}

/** An interface that the machine itself needs. */
export function refuseInterface(name: string, facts: HostFacts, allowed: boolean): string | null {
  if (allowed) return null;
  const carried = [name, ...facts.above];
  const route = facts.defaultRoutes.find((each) => carried.includes(each));
  if (route !== undefined) {
    return `Refused: ${name} carries this machine's default route${through(name, route)}; --nic-in-use-ok allows it.`;
  }
  const used = facts.addresses.find((each) => carried.includes(each.interface));
  if (used === undefined) return null;
  return `Refused: ${name} has the address ${used.address} of this machine${through(name, used.interface)}; --nic-in-use-ok allows it.`;
}

function through(name: string, other: string): string {
  return name === other ? '' : ` (through ${other})`;
}

/** An address out of a maker's range, which a real phone may have. Written out for a single phone it is a warning. */
export function warnOfMac(mac: Mac): string | null {
  if (isLocallyAdministered(mac)) return null;
  return `Warning: ${formatMac(mac, ':')} is out of a maker's range; a real phone may have it.`;
}

/** Without knowing where they are to land, so many phones are a danger to a network that is not meant. */
export const MOST_WITHOUT_EXPECT = 10;

export function refuseCount(count: number, expects: boolean): string | null {
  if (count <= MOST_WITHOUT_EXPECT || expects) return null;
  return `Refused: ${count} phones on a real wire, and nothing says where they are to land; --expect ADDRESS[,ADDRESS/LENGTH] with the DHCP, DNS and TFTP servers and the call managers allows it.`;
}

/** What has happened in a run so far. */
export interface RunFacts {
  readonly carrierLost: boolean;
  /** Phones whose MAC address was heard from outside. */
  readonly macConflicts: readonly string[];
  /** Phones that found their IP address with somebody else. */
  readonly addressConflicts: readonly string[];
  readonly registrations: number;
  readonly rejections: number;
  /** How long the program stood still at most, milliseconds. */
  readonly longestLag: number;
}

/** One rejected phone is a finding; so many, and more than were taken, are an attack on the call manager. */
const MASS_REJECTIONS = 10;
/** A SCCP keepalive is due every 30 s; a program that stands still for this long measures itself. */
const UNHEALTHY_LAG_MILLISECONDS = 5_000;

/** Why a fleet on a real wire has to stop; null while it may go on. */
export function refuseToGoOn(facts: RunFacts): string | null {
  if (facts.carrierLost) return 'Stopped: the interface has lost its carrier.';
  const [mac] = facts.macConflicts;
  if (mac !== undefined) return `Stopped: somebody else on the wire has the MAC address of ${mac}.`;
  const [address] = facts.addressConflicts;
  if (address !== undefined) return `Stopped: somebody else has the IP address that ${address} was given.`;
  if (facts.rejections >= MASS_REJECTIONS && facts.rejections > facts.registrations) {
    return `Stopped: the call manager has rejected ${facts.rejections} phones and taken ${facts.registrations}.`;
  }
  if (facts.longestLag < UNHEALTHY_LAG_MILLISECONDS) return null;
  return `Stopped: this program stood still for ${Math.round(facts.longestLag)} ms; it has more phones than the machine can carry.`;
}
