import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { instantOf, restoredLease, type StoredLease } from './dhcp-lease.ts';

const STORED: StoredLease = {
  address: 0x0a64_0101,
  mask: 0xffff_0000,
  prefixLength: 16,
  routers: [],
  dns: [],
  domain: null,
  ntp: [],
  server: 0x0a64_0001,
  leaseSeconds: 716,
  t1: 358,
  t2: 626,
  option150: [],
  option66: null,
  siaddr: 0,
  sname: '',
  remainingSeconds: 700,
};

describe('a lease out of flash', () => {
  it('is due at whole microseconds, however much of it is left', () => {
    // A world of chance found the fraction: an alarm that is not a whole number is a CPU fault.
    fc.assert(
      fc.property(fc.double({ min: 0.001, max: 716, noNaN: true }), fc.nat(1e12), (remainingSeconds, now) => {
        const lease = restoredLease({ ...STORED, remainingSeconds }, now);
        expect(Number.isInteger(instantOf(lease, lease.t1))).toBe(true);
        expect(Math.abs(instantOf(lease, lease.leaseSeconds) - now - remainingSeconds * 1e6)).toBeLessThanOrEqual(1);
      }),
    );
  });
});
