import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sharedPcap } from '../../test/support/shared-pcap.ts';
import { isMalformed } from '../malformed.ts';
import * as cdp from './cdp.ts';

const numRuns = Number(process.env.FUZZ_RUNS ?? 2_000);

const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replace(/\s/g, ''), 'hex'));
const toHex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');

function emitted(message: cdp.Message): Uint8Array {
  const octets = new Uint8Array(cdp.lengthOf(message));
  expect(cdp.emit(message, octets)).toBe(octets.length);
  return octets;
}

function parsed(octets: Uint8Array): cdp.Message {
  const message = cdp.parse(octets);
  if (isMalformed(message)) throw new Error(message.reason);
  return message;
}

// A real 7960's frame (published in scapy's tests, MAC addresses changed) and frames rebuilt from published values of 7971 and 7942.
const PHONE_7960 = `02b494c4 00010013534950303031313232333334343535 0003000a506f72742031 0004000800000010 00050010503030332d30382d322d3030
  00060017436973636f2049502050686f6e652037393630 000f000820020001 000b000501 00100006189c`;
const PHONE_7960_ADDRESS = `02b4f3f1 00010013534950303031313232333334343535 00020011000000010101cc0004c0a80121 0003000a506f72742031 0004000800000010
  00050010503030332d30382d322d3030 00060017436973636f2049502050686f6e652037393630 000f000820020001 000b000501 00100006189c`;
const PHONE_7971 = `02b4e917 00010013534550303031454637323839433845 0003000a506f72742031 0004000800000090 000500145343435037302e382d332d3353523253
  00060017436973636f2049502050686f6e652037393731 000f000820020001 000b000501 00100006189c`;
const PHONE_7942 = `02b4e45c 00010013534550303031454637323839433845 0003000a506f72742031 0004000800000490 000500165343435034322e392d342d325352332d3153
  00060017436973636f2049502050686f6e652037393432 000f000820020001 000b000501 00100006189c
  0019001c096500030000189c00000000000000000000000000000000`;
const SWITCH = `02b4eed8 0001000b53572d33353630 000300134661737445746865726e6574302f33 0004000800000028 000a00060001 000b000501 000e0007010068
  0012000500 0013000500 001a0010096500030000189cffffffff`;

const query: cdp.Tlv = { kind: 'voipVlanQuery', value: Uint8Array.from(cdp.VOIP_VLAN_QUERY) };

describe('CDP frames of telephones and switches', () => {
  it('a 7960 without an address', () => {
    const message: cdp.Message = {
      version: 2,
      ttl: 180,
      tlvs: [
        { kind: 'deviceId', text: 'SIP001122334455' },
        { kind: 'portId', text: 'Port 1' },
        { kind: 'capabilities', value: cdp.CAPABILITY.host },
        { kind: 'version', text: 'P003-08-2-00' },
        { kind: 'platform', text: 'Cisco IP Phone 7960' },
        query,
        { kind: 'duplex', full: true },
        { kind: 'powerConsumption', value: 6_300 },
      ],
    };
    expect(toHex(emitted(message))).toBe(toHex(hex(PHONE_7960)));
    expect(parsed(hex(PHONE_7960))).toEqual(message);
    expect(cdp.describe(message)).toBe(
      "CDPv2, ttl 180s, Device-ID 'SIP001122334455', Port-ID 'Port 1', Capabilities 0x10, Version 'P003-08-2-00', " +
        "Platform 'Cisco IP Phone 7960', VoIP VLAN query, Duplex full, Power consumption 6300mW, length 99",
    );
  });

  it('a 7960 with an address', () => {
    const message = parsed(hex(PHONE_7960_ADDRESS));
    expect(cdp.find(message, 'addresses')?.addresses).toEqual([{ protocol: 'ipv4', address: 0xc0a80121 }]);
  });

  it('a 7942 that asks for power', () => {
    const power = cdp.find(parsed(hex(PHONE_7942)), 'powerRequested');
    expect(power).toEqual({
      kind: 'powerRequested',
      requestId: 2405,
      managementId: 3,
      levels: [6_300, 0, 0, 0, 0],
    });
  });

  it('a switch that grants power and names a voice VLAN', () => {
    const message: cdp.Message = {
      version: 2,
      ttl: 180,
      tlvs: [
        { kind: 'deviceId', text: 'SW-3560' },
        { kind: 'portId', text: 'FastEthernet0/3' },
        { kind: 'capabilities', value: cdp.CAPABILITY.switch | cdp.CAPABILITY.igmp },
        { kind: 'nativeVlan', value: 1 },
        { kind: 'duplex', full: true },
        cdp.voipVlanReply(104),
        { kind: 'trustBitmap', value: 0 },
        { kind: 'untrustedCos', value: 0 },
        { kind: 'powerAvailable', requestId: 2405, managementId: 3, levels: [6_300, cdp.NO_POWER_PREFERENCE] },
      ],
    };
    expect(toHex(emitted(message))).toBe(toHex(hex(SWITCH)));
    expect(parsed(hex(SWITCH))).toEqual(message);
  });

  it.each([PHONE_7960, PHONE_7960_ADDRESS, PHONE_7971, PHONE_7942, SWITCH])(
    'parse and emit give the same octets',
    (text) => {
      expect(toHex(emitted(parsed(hex(text))))).toBe(toHex(hex(text)));
    },
  );

  it('the VoIP VLAN reply without its first octet', () => {
    const message = { version: 2, ttl: 180, tlvs: [{ kind: 'voipVlanReply', appliance: null, vlan: 104 } as const] };
    const octets = emitted(message);
    expect(toHex(octets.subarray(4))).toBe('000e00060068');
    expect(parsed(octets)).toEqual(message);
  });
});

describe('CDP checksum', () => {
  // Verified against tshark: an odd last octet counts as a signed char in the low half, one less when negative.
  it.each([
    ['01', 'c982'],
    ['7f', 'c904'],
    ['80', 'ca03'],
    ['9c', 'c9e7'],
    ['ff', 'c984'],
  ])('an odd length that ends in %s', (last, sum) => {
    const octets = hex(`02b4 0000 00010013 534550303031454637323839433845 0003000b 506f7274203130 000b0005 ${last}`);
    expect(octets.length).toBe(39);
    expect(cdp.checksum(octets, 0, octets.length).toString(16)).toBe(sum);
  });

  it('a wrong one is refused', () => {
    const octets = hex(PHONE_7971);
    octets[2]! ^= 1;
    expect(cdp.parse(octets)).toMatchObject({ protocol: 'cdp', reason: 'wrong checksum' });
  });
});

/** A payload around these TLVs, with a right checksum. */
function payload(tlvs: string): Uint8Array {
  const octets = hex(`02b40000${tlvs}`);
  const sum = cdp.checksum(octets, 0, octets.length);
  octets[2] = sum >>> 8;
  octets[3] = sum;
  return octets;
}

describe('CDP that is not as documented', () => {
  it('keeps unknown TLVs, and known ones of another shape', () => {
    const octets = payload('1234 0006 abcd 000a 0005 01 0002 000c 00000001 01020304 000b 0005 07 0019 0007 000000');
    const message = parsed(octets);
    expect(message.tlvs.map((tlv) => tlv.kind === 'unknown' && tlv.type)).toEqual([0x1234, 0x0a, 0x02, 0x0b, 0x19]);
    expect(toHex(emitted(message))).toBe(toHex(octets));
  });

  it('stops at a TLV that is shorter than its header', () => {
    expect(parsed(payload('0001 0005 41 0003 0003 42')).tlvs).toEqual([{ kind: 'deviceId', text: 'A' }]);
  });

  it('refuses a TLV that reaches beyond the end, too many of them, and another version', () => {
    expect(isMalformed(cdp.parse(payload('0001 0009 41')))).toBe(true);
    expect(isMalformed(cdp.parse(payload('00ff0004'.repeat(cdp.MAX_TLVS + 1))))).toBe(true);
    expect(parsed(payload('00ff0004'.repeat(cdp.MAX_TLVS))).tlvs).toHaveLength(cdp.MAX_TLVS);
    expect(isMalformed(cdp.parse(hex('03b4fc4b')))).toBe(true);
    expect(isMalformed(cdp.parse(hex('02b4')))).toBe(true);
  });
});

const text = fc.string({
  unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
  maxLength: 20,
});
const octets = (maxLength: number) => fc.uint8Array({ maxLength });
const u16 = fc.nat(0xffff);
const u32 = fc.nat(0xffffffff);
const address: fc.Arbitrary<cdp.Address> = fc.oneof(
  u32.map((value): cdp.Address => ({ protocol: 'ipv4', address: value })),
  fc.uint8Array({ minLength: 16, maxLength: 16 }).map((value): cdp.Address => ({ protocol: 'ipv6', address: value })),
  fc.record({
    protocol: fc.constant('other' as const),
    protocolType: fc.constant(3),
    identifier: octets(8),
    address: octets(8),
  }),
);
const tlv: fc.Arbitrary<cdp.Tlv> = fc.oneof(
  fc.record({ kind: fc.constantFrom('deviceId', 'portId', 'version', 'platform', 'vtpDomain', 'systemName'), text }),
  fc.record({
    kind: fc.constantFrom('addresses', 'managementAddresses'),
    addresses: fc.array(address, { maxLength: 4 }),
  }),
  fc.record({ kind: fc.constantFrom('capabilities', 'mtu'), value: u32 }),
  fc.record({ kind: fc.constantFrom('nativeVlan', 'powerConsumption'), value: u16 }),
  fc.record({ kind: fc.constantFrom('trustBitmap', 'untrustedCos', 'sparePairPoe'), value: fc.nat(255) }),
  fc.record({ kind: fc.constant('duplex'), full: fc.boolean() }),
  fc.record({ kind: fc.constant('voipVlanReply'), appliance: fc.option(fc.nat(255)), vlan: u16 }),
  fc.record({ kind: fc.constant('voipVlanQuery'), value: octets(6) }),
  fc.record({
    kind: fc.constantFrom('powerRequested', 'powerAvailable'),
    requestId: u16,
    managementId: u16,
    levels: fc.array(u32, { maxLength: 6 }),
  }),
  fc.record({ kind: fc.constant('unknown'), type: fc.integer({ min: 0x20, max: 0xffff }), value: octets(12) }),
) as fc.Arbitrary<cdp.Tlv>;
const message: fc.Arbitrary<cdp.Message> = fc.record({
  version: fc.constantFrom(1, 2),
  ttl: fc.nat(255),
  tlvs: fc.array(tlv, { maxLength: 12 }),
});

describe('CDP properties', () => {
  it('parse gives back what emit wrote', () => {
    fc.assert(
      fc.property(message, (value) => {
        expect(parsed(emitted(value))).toEqual(value);
        expect(cdp.describe(value)).not.toMatch(/[^ -~]/);
      }),
      { numRuns },
    );
  });

  it('random and mutated octets never throw, and what is accepted is reproduced', () => {
    const frames = [PHONE_7960_ADDRESS, PHONE_7942, SWITCH].map(hex);
    const mutated = fc
      .tuple(fc.constantFrom(...frames), fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 6 }), fc.nat(200))
      .map(([frame, changes, cut]) => {
        const copy = frame.slice(0, frame.length - (cut < 100 ? cut : 0));
        for (const [at, value] of changes) if (at >= 4 && at < copy.length) copy[at] = value;
        return copy;
      });
    fc.assert(
      fc.property(fc.oneof(octets(200), mutated), fc.boolean(), (bytes, repair) => {
        if (repair && bytes.length >= 4) {
          bytes[0] = 2;
          const sum = cdp.checksum(bytes, 0, bytes.length);
          bytes[2] = sum >>> 8;
          bytes[3] = sum;
        }
        const result = cdp.parse(bytes);
        if (!isMalformed(result)) expect(parsed(emitted(result))).toEqual(result);
      }),
      { numRuns },
    );
  });

  it('reads only its part of a larger buffer', () => {
    const frame = hex(SWITCH);
    const buffer = new Uint8Array(300).fill(0xee);
    buffer.set(frame, 17);
    expect(cdp.parse(buffer, 17, frame.length)).toEqual(cdp.parse(frame));
  });
});

describe('CDP captures', () => {
  const names = [
    'packetlife_3560_CDP.cap',
    'reconstructed_cdp_7960_voicevlan.pcap',
    'reconstructed_cdp_7971_7942_power.pcap',
    'synthetic_cdp_odd_checksum_vectors.pcap',
  ];
  for (const name of names) {
    const frames = sharedPcap(name);
    it.skipIf(frames === null)(name, () => {
      expect(frames!.length).toBeGreaterThan(0);
      for (const frame of frames!) {
        // Ethernet, 802.3 length, LLC and SNAP.
        const start = 22;
        const length = ((frame[12]! << 8) | frame[13]!) - 8;
        const bytes = frame.slice(start, start + length);
        expect(toHex(emitted(parsed(bytes)))).toBe(toHex(bytes));
      }
    });
  }
});
