import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { autoMac, deviceName, formatMac, isLocallyAdministered, parseMac, serialNumber } from './identity.ts';

const macs = fc
  .integer({ min: 0, max: 2 ** 48 - 1 })
  .map((value) => value - (Math.floor(value / 2 ** 40) % 2) * 2 ** 40);

describe('parseMac', () => {
  it.each([
    '02005EC0FFEE',
    '02:00:5e:c0:ff:ee',
    '02-00-5E-C0-FF-EE',
    '0200.5ec0.ffee',
    'SEP02005EC0FFEE',
    ' 02005ec0ffee ',
  ])('reads %s', (written) => {
    expect(parseMac(written)).toBe(0x02005ec0ffee);
  });

  it.each([
    ['', 'is not a MAC address'],
    ['02005EC0FFE', 'is not a MAC address'],
    ['02005EC0FFEE0', 'is not a MAC address'],
    ['0x005EC0FFEE', 'is not a MAC address'],
    ['000000000000', 'all zeros'],
    ['01005E000001', 'group address'],
    ['FFFFFFFFFFFF', 'group address'],
  ])('refuses "%s" in one sentence', (written, because) => {
    const said = parseMac(written);
    expect(said).toContain(because);
    expect(said).toMatch(/^".*\.$/);
  });

  it('reads what formatMac writes', () => {
    fc.assert(
      fc.property(macs, fc.constantFrom('', ':', '-'), (mac, separator) => {
        fc.pre(mac !== 0);
        expect(parseMac(formatMac(mac, separator))).toBe(mac);
      }),
    );
  });
});

describe('names', () => {
  it('of a phone', () => {
    expect(deviceName(0x02005ec0ffee)).toBe('SEP02005EC0FFEE');
    expect(formatMac(0x1ef7289c8e, ':')).toBe('00:1E:F7:28:9C:8E');
  });

  it('serial numbers have the form of FCH12028WCZ and follow from the MAC', () => {
    fc.assert(
      fc.property(macs, (mac) => {
        expect(serialNumber(mac)).toMatch(/^FCH1\d(0[1-9]|[1-4]\d|5[0-2])[0-9A-HJ-NP-Z]{4}$/);
        expect(serialNumber(mac)).toBe(serialNumber(mac));
      }),
    );
  });

  it('serial numbers of neighbours differ: fewer than 1 in 1,000 of 10,000 collide', () => {
    const serials = Array.from({ length: 10_000 }, (_, index) => serialNumber(autoMac(1, 0, index)));
    expect(new Set(serials).size).toBeGreaterThan(9_990);
  });
});

describe('autoMac', () => {
  it('is 02, 12 bits of run, 8 of shard, 20 of index', () => {
    expect(formatMac(autoMac(0, 0, 0))).toBe('020000000000');
    expect(formatMac(autoMac(0xabc, 0xde, 0xf0123))).toBe('02ABCDEF0123');
  });

  it('makes locally administered unicast addresses, all different', () => {
    const place = fc.tuple(fc.nat(4_095), fc.nat(255), fc.nat(1_048_575));
    fc.assert(
      fc.property(place, place, (a, b) => {
        expect(isLocallyAdministered(autoMac(...a))).toBe(true);
        expect(parseMac(formatMac(autoMac(...a)))).toBe(autoMac(...a));
        expect(autoMac(...a) === autoMac(...b)).toBe(a.join() === b.join());
      }),
    );
  });

  it.each([
    [4_096, 0, 0],
    [0, 256, 0],
    [0, 0, 1_048_576],
    [-1, 0, 0],
    [0.5, 0, 0],
  ])('throws for what does not fit: %d %d %d', (run, shard, index) => {
    expect(() => autoMac(run, shard, index)).toThrow(RangeError);
  });
});
