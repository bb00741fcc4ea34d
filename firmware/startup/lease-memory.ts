import type { Instant } from '../../hal/timer.ts';
import { octetsOf, textOf } from '../../storage/ascii.ts';
import type { RecordStore } from '../../storage/record-store.ts';
import type { Lease, StoredLease } from '../protocols/dhcp-lease.ts';
import { INFINITE } from '../wire/dhcp.ts';

/** Where the firmware keeps the lease it had: in the settings region, as text. */
const KEY = 'state/lease';

/** The lease without what means nothing after a reset, and the calendar time at which it ends (milliseconds; null: never). */
interface LeaseRecord extends Omit<Lease, 'boundAt'> {
  readonly expiresAt: number | null;
  /** Where it was granted; null untagged. Absent in what older loads saved. */
  readonly vlan?: number | null;
}

/** A lease out of flash, and whether it was granted on the VLAN the phone is in now. */
export interface RememberedLease {
  readonly stored: StoredLease;
  readonly sameVlan: boolean;
}

/** Remembers a lease for the next boot. `wallClock` in milliseconds. A settings region that is full loses the lease, not the boot. */
export function saveLease(
  memory: RecordStore,
  lease: Lease,
  vlan: number | null,
  wallClock: number,
  now: Instant,
): void {
  const { boundAt, ...rest } = lease;
  const age = (now - boundAt) / 1000;
  const expiresAt = lease.leaseSeconds === INFINITE ? null : wallClock - age + lease.leaseSeconds * 1000;
  const record: LeaseRecord = { expiresAt, vlan, ...rest };
  memory.set(KEY, octetsOf(JSON.stringify(record)));
}

/** A lease that was given back is not asked for again. */
export function forgetLease(memory: RecordStore): void {
  memory.delete(KEY);
}

/** The remembered lease; null when there is none, it has run out, or it cannot be read. */
export function loadLease(memory: RecordStore, vlan: number | null, wallClock: number): RememberedLease | null {
  const octets = memory.get(KEY);
  if (octets === null) return null;
  let record: LeaseRecord;
  try {
    record = JSON.parse(textOf(octets)) as LeaseRecord;
  } catch {
    return null;
  }
  const { expiresAt, vlan: grantedOn = vlan, ...lease } = record;
  const remainingSeconds = expiresAt === null ? Number.POSITIVE_INFINITY : Math.floor((expiresAt - wallClock) / 1000);
  if (remainingSeconds <= 0) return null;
  return { stored: { ...lease, remainingSeconds }, sameVlan: grantedOn === vlan };
}
