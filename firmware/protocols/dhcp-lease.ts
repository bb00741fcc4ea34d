import type { Ipv4 } from '../../hal/nic.ts';
import { type Instant, NEVER, SECOND } from '../../hal/timer.ts';
import * as dhcp from '../wire/dhcp.ts';

/** What a DHCPACK granted, in the terms of a phone. */
export interface Lease {
  readonly address: Ipv4;
  readonly mask: Ipv4;
  readonly prefixLength: number;
  readonly routers: readonly Ipv4[];
  readonly dns: readonly Ipv4[];
  readonly domain: string | null;
  readonly ntp: readonly Ipv4[];
  /** Server identifier, option 54. */
  readonly server: Ipv4;
  /** `dhcp.INFINITE` for a lease without end. */
  readonly leaseSeconds: number;
  /** Seconds from `boundAt` to RENEWING and to REBINDING. */
  readonly t1: number;
  readonly t2: number;
  /** When the acknowledged REQUEST was sent, from which RFC 2131 section 4.4.1 counts the lease. */
  readonly boundAt: Instant;
  readonly option150: readonly Ipv4[];
  /** A name, or an address as text. */
  readonly option66: string | null;
  readonly siaddr: Ipv4;
  readonly sname: string;
}

/** A lease out of flash. Instants mean nothing after a power cycle, so that what is left of it is the owner's to say. */
export interface StoredLease extends Omit<Lease, 'boundAt'> {
  /** Seconds until it expires; 0 or less when it has. */
  readonly remainingSeconds: number;
}

/** Reads an ACK. Null when it lacks what RFC 2131 table 3 requires: an address, the lease time, the server. */
export function leaseOf(ack: dhcp.Message, boundAt: Instant): Lease | null {
  const { options, yiaddr } = ack;
  const { leaseTime, serverIdentifier } = options;
  if (yiaddr === 0 || leaseTime === undefined || leaseTime === 0 || serverIdentifier === undefined) return null;
  const mask = options.subnetMask ?? classfulMask(yiaddr);
  const [t1, t2] = renewalTimes(leaseTime, options.renewalTime, options.rebindingTime);
  return {
    address: yiaddr,
    mask,
    prefixLength: Math.clz32(~mask >>> 0),
    routers: options.routers ?? [],
    dns: options.domainNameServers ?? [],
    domain: options.domainName === undefined || options.domainName === '' ? null : options.domainName,
    ntp: options.ntpServers ?? [],
    server: serverIdentifier,
    leaseSeconds: leaseTime,
    t1,
    t2,
    boundAt,
    option150: options.tftpServers ?? [],
    option66: options.tftpServerName === undefined || options.tftpServerName === '' ? null : options.tftpServerName,
    siaddr: ack.siaddr,
    sname: ack.sname,
  };
}

/** The stored lease as if it had been granted when its remaining time says. */
export function restoredLease(stored: StoredLease, now: Instant): Lease {
  const { remainingSeconds, ...lease } = stored;
  const infinite = lease.leaseSeconds === dhcp.INFINITE;
  // Remaining seconds may have a fraction by now; an instant has none.
  return { ...lease, boundAt: infinite ? now : now - Math.round((lease.leaseSeconds - remainingSeconds) * SECOND) };
}

/** The instant `seconds` into the lease; NEVER if it has no end. */
export function instantOf(lease: Lease, seconds: number): Instant {
  return lease.leaseSeconds === dhcp.INFINITE ? NEVER : lease.boundAt + seconds * SECOND;
}

/** RFC 2131 section 4.4.5: T1 0.5 and T2 0.875 of the lease, unless options 58 and 59 give values in order. */
function renewalTimes(leaseTime: number, t1?: number, t2?: number): [number, number] {
  const rebinding = t2 !== undefined && t2 > 0 && t2 < leaseTime ? t2 : leaseTime * 0.875;
  const renewal = t1 !== undefined && t1 > 0 && t1 < rebinding ? t1 : Math.min(leaseTime * 0.5, rebinding);
  return [renewal, rebinding];
}

/** What a host assumes when nobody tells it the subnet mask (RFC 1122 section 3.3.1.1 with RFC 791's classes). */
function classfulMask(address: Ipv4): Ipv4 {
  if (address < 0x8000_0000) return 0xff00_0000;
  return address < 0xc000_0000 ? 0xffff_0000 : 0xffff_ff00;
}
