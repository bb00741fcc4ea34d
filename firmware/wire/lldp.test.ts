import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sharedPcap } from '../../test/support/shared-pcap.ts';
import { isMalformed } from '../malformed.ts';
import * as lldp from './lldp.ts';

const numRuns = Number(process.env.FUZZ_RUNS ?? 2_000);

const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replace(/\s/g, ''), 'hex'));
const toHex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');

function emitted(message: lldp.Message): Uint8Array {
  const octets = new Uint8Array(lldp.lengthOf(message));
  expect(lldp.emit(message, octets)).toBe(octets.length);
  return octets;
}

function parsed(octets: Uint8Array): lldp.Message {
  const message = lldp.parse(octets);
  if (isMalformed(message)) throw new Error(message.reason);
  return message;
}

const MANDATORY = '0207 04 001ef7289c8e 0405 07 5031 3a31 0602 0078';
const withTlvs = (tlvs: string): Uint8Array => hex(`${MANDATORY} ${tlvs} 0000`);
const only = (tlvs: string): lldp.Tlv => parsed(withTlvs(tlvs)).tlvs[0]!;

describe('LLDP TLVs as telephones and switches send them', () => {
  // Values published from a 7971 (voiphopper), a 7945 and the multiplatform loads; layouts of 802.1AB, 802.3 and TIA-1057.
  it.each<[string, lldp.Tlv]>([
    ['0807 535720504f5254', { kind: 'portDescription', text: 'SW PORT' }],
    ['0e04 0024 0024', { kind: 'systemCapabilities', capabilities: 0x24, enabled: 0x24 }],
    ['100c 05 01 0a016814 01 00000001 00', lldp.ipv4ManagementAddress(0x0a016814, 1)],
    ['fe09 00120f 01 03 8036 001e', { kind: 'macPhy', autoNegotiation: 3, pmd: 0x8036, mau: 30 }],
    ['fe07 0012bb 01 0033 03', { kind: 'medCapabilities', capabilities: 0x33, deviceType: lldp.MED_CLASS.endpoint3 }],
    [
      'fe08 0012bb 02 01 800120',
      { kind: 'medPolicy', application: 1, unknown: true, tagged: false, vlan: 0, priority: 4, dscp: 32 },
    ],
    [
      'fe08 0012bb 02 01 800000',
      { kind: 'medPolicy', application: 1, unknown: true, tagged: false, vlan: 0, priority: 0, dscp: 0 },
    ],
    [
      'fe08 0012bb 02 01 40d16e',
      { kind: 'medPolicy', application: 1, unknown: false, tagged: true, vlan: 104, priority: 5, dscp: 46 },
    ],
    [
      'fe08 0012bb 02 02 40d120',
      { kind: 'medPolicy', application: 2, unknown: false, tagged: true, vlan: 104, priority: 4, dscp: 32 },
    ],
    ['fe07 0012bb 04 50 0095', { kind: 'medPower', type: 1, source: 1, priority: 0, tenths: 149 }],
    ['fe07 0012bb 04 43 0078', { kind: 'medPower', type: 1, source: 0, priority: 3, tenths: 120 }],
    ['fe07 0012bb 04 70 0081', { kind: 'medPower', type: 1, source: 3, priority: 0, tenths: 129 }],
    ['fe0c 0012bb 0a 43502d3739343547', { kind: 'medInventory', subtype: lldp.INVENTORY.modelName, text: 'CP-7945G' }],
    ['fe05 000142 01 09', { kind: 'ciscoPower', capabilities: 9 }],
    ['fe06 0080c2 01 0001', { kind: 'portVlanId', vlan: 1 }],
    ['fe0c 0080c2 03 0068 05 766f696365', { kind: 'vlanName', vlan: 104, name: 'voice' }],
    ['fe06 00120f 04 05ee', { kind: 'maximumFrameSize', size: 1518 }],
    ['fe09 00120f 03 01 00000000', { kind: 'linkAggregation', status: 1, port: 0 }],
    [
      'fe0c 00120f 02 07 01 05 03 00ff 00ff',
      {
        kind: 'powerViaMdi',
        support: 7,
        pair: 1,
        powerClass: 5,
        classification: { type: 0, source: 0, priority: 3, requested: 255, allocated: 255 },
        rest: new Uint8Array(0),
      },
    ],
  ])('%s', (text, tlv) => {
    // The length of the information string follows from the octets typed.
    const octets = hex(text);
    const header = (octets[0]! << 8) | octets[1]!;
    expect(header & 0x1ff).toBe(octets.length - 2);
    expect(only(text)).toEqual(tlv);
    expect(toHex(emitted(parsed(withTlvs(text))))).toBe(toHex(withTlvs(text)));
  });

  it('identifiers: MAC, network address, locally assigned', () => {
    const running = parsed(hex('0206 05 01 0a016814 0410 07 3030314546373238394338453a5031 0602 00b4 0000'));
    expect(running.chassisId).toEqual({ kind: 'ipv4', address: 0x0a016814 });
    expect(running.portId).toEqual({ kind: 'text', subtype: lldp.LOCALLY_ASSIGNED, text: '001EF7289C8E:P1' });
    expect(running.ttl).toBe(180);
    const byMac = parsed(hex('0207 04 001ef7289c8e 0407 03 001ef7289c8e 0602 0000 0000'));
    expect(byMac).toEqual({
      chassisId: { kind: 'mac', mac: 0x001ef7289c8e },
      portId: { kind: 'mac', mac: 0x001ef7289c8e },
      ttl: 0,
      tlvs: [],
    });
    expect(lldp.describe(running)).toBe('LLDP, chassis 10.1.104.20, port 001EF7289C8E:P1, ttl 180s, length 32');
  });
});

describe('LLDPDUs that are not as the standard says', () => {
  it.each([
    ['no octets', ''],
    ['another order of the first three', '0405 07 5031 3a31 0207 04 001ef7289c8e 0602 0078 0000'],
    ['no Time To Live', '0207 04 001ef7289c8e 0405 07 5031 3a31 0000'],
    ['a second Chassis ID', `${MANDATORY} 0207 04 001ef7289c8e 0000`],
    ['a TLV beyond the end', `${MANDATORY} 0a20 41`],
    ['an empty identifier', '0201 04 0405 07 5031 3a31 0602 0078 0000'],
    ['a short Time To Live', '0207 04 001ef7289c8e 0405 07 5031 3a31 0601 78 0000'],
    ['too many TLVs', `${MANDATORY} ${'0800'.repeat(lldp.MAX_TLVS + 1)} 0000`],
  ])('%s is malformed', (_, text) => {
    expect(isMalformed(lldp.parse(hex(text)))).toBe(true);
  });

  it('forgives a missing End and ignores what is behind it', () => {
    expect(parsed(hex(MANDATORY))).toEqual(parsed(hex(`${MANDATORY} 0000 0a01 41`)));
  });

  it('keeps TLVs of another shape', () => {
    expect(only('fe05 0012bb 02 01')).toEqual({
      kind: 'organization',
      oui: 0x0012bb,
      subtype: 2,
      value: Uint8Array.of(1),
    });
    expect(only('fe02 0012')).toEqual({ kind: 'unknown', type: 127, value: Uint8Array.of(0, 0x12) });
    expect(only('0e02 0024')).toEqual({ kind: 'unknown', type: 7, value: Uint8Array.of(0, 0x24) });
    expect(only('1003 05 01 0a')).toMatchObject({ kind: 'unknown', type: 8 });
  });

  it('the last of several policies wins', () => {
    const message = parsed(withTlvs('fe08 0012bb 02 01 40d16e fe08 0012bb 02 02 40d120 fe08 0012bb 02 01 40c96e'));
    expect(lldp.policyOf(message, lldp.APPLICATION.voice)?.vlan).toBe(100);
    expect(lldp.policyOf(message, 7)).toBeUndefined();
  });
});

const latin1Text = (maxLength: number) =>
  fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)), maxLength });
const octet = fc.nat(255);
const u16 = fc.nat(0xffff);
const identifier: fc.Arbitrary<lldp.Identifier> = fc.oneof(
  fc.record({ kind: fc.constant('mac' as const), mac: fc.nat(0xffff_ffff_ffff) }),
  fc.record({ kind: fc.constant('ipv4' as const), address: fc.nat(0xffff_ffff) }),
  fc.record({
    kind: fc.constant('text' as const),
    subtype: fc.constant(lldp.LOCALLY_ASSIGNED),
    text: latin1Text(30).filter((text) => text.length > 0),
  }),
);
const tlv = fc.oneof(
  fc.record({
    kind: fc.constantFrom('portDescription', 'systemName', 'systemDescription'),
    text: latin1Text(40),
  }),
  fc.record({ kind: fc.constant('systemCapabilities'), capabilities: u16, enabled: u16 }),
  fc.record({
    kind: fc.constant('managementAddress'),
    addressSubtype: octet,
    address: fc.uint8Array({ minLength: 1, maxLength: 31 }),
    interfaceSubtype: octet,
    interfaceNumber: fc.nat(0xffff_ffff),
    oid: fc.uint8Array({ maxLength: 8 }),
  }),
  fc.record({ kind: fc.constant('portVlanId'), vlan: u16 }),
  fc.record({ kind: fc.constant('vlanName'), vlan: u16, name: latin1Text(32) }),
  fc.record({ kind: fc.constant('macPhy'), autoNegotiation: octet, pmd: u16, mau: u16 }),
  fc.record({ kind: fc.constant('linkAggregation'), status: octet, port: fc.nat(0xffff_ffff) }),
  fc.record({ kind: fc.constant('maximumFrameSize'), size: u16 }),
  fc.record({ kind: fc.constant('medCapabilities'), capabilities: u16, deviceType: octet }),
  fc.record({
    kind: fc.constant('medPolicy'),
    application: octet,
    unknown: fc.boolean(),
    tagged: fc.boolean(),
    vlan: fc.nat(4095),
    priority: fc.nat(7),
    dscp: fc.nat(63),
  }),
  fc.record({
    kind: fc.constant('medPower'),
    type: fc.nat(3),
    source: fc.nat(3),
    priority: fc.nat(15),
    tenths: u16,
  }),
  fc.record({ kind: fc.constant('medInventory'), subtype: fc.integer({ min: 5, max: 11 }), text: latin1Text(32) }),
  fc.record({ kind: fc.constant('ciscoPower'), capabilities: octet }),
  fc.record({
    kind: fc.constant('powerViaMdi'),
    support: octet,
    pair: octet,
    powerClass: octet,
    classification: fc.record({
      type: fc.nat(3),
      source: fc.nat(3),
      priority: fc.nat(3),
      requested: u16,
      allocated: u16,
    }),
    rest: fc.uint8Array({ maxLength: 17 }),
  }),
  fc.record({
    kind: fc.constant('organization'),
    oui: fc.nat(0xffffff).filter((oui) => ![0x0080c2, 0x00120f, 0x0012bb, 0x000142].includes(oui)),
    subtype: octet,
    value: fc.uint8Array({ maxLength: 20 }),
  }),
  fc.record({
    kind: fc.constant('unknown'),
    type: fc.integer({ min: 9, max: 126 }),
    value: fc.uint8Array({ maxLength: 20 }),
  }),
) as fc.Arbitrary<lldp.Tlv>;
const message: fc.Arbitrary<lldp.Message> = fc.record({
  chassisId: identifier,
  portId: identifier,
  ttl: u16,
  tlvs: fc.array(tlv, { maxLength: 12 }),
});

describe('LLDP properties', () => {
  it('parse gives back what emit wrote', () => {
    fc.assert(
      fc.property(message, (value) => {
        expect(parsed(emitted(value))).toEqual(value);
        expect(lldp.describe(value)).not.toMatch(/[^ -~]/);
      }),
      { numRuns },
    );
  });

  it('random and mutated octets never throw, and what is accepted is reproduced', () => {
    const frames = [
      withTlvs('0807 535720504f5254 100c 05 01 0a016814 01 00000001 00 fe09 00120f 01 03 8036 001e'),
      withTlvs(
        'fe07 0012bb 01 0033 03 fe08 0012bb 02 01 40d16e fe07 0012bb 04 50 0095 fe0c 00120f 02 07 01 05 03 00ff 00ff',
      ),
    ];
    const mutated = fc
      .tuple(fc.constantFrom(...frames), fc.array(fc.tuple(fc.nat(80), octet), { maxLength: 5 }), fc.nat(120))
      .map(([frame, changes, cut]) => {
        const copy = frame.slice(0, frame.length - (cut < 60 ? cut : 0));
        for (const [at, value] of changes) if (at < copy.length) copy[at] = value;
        return copy;
      });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), mutated), (bytes) => {
        const result = lldp.parse(bytes);
        if (!isMalformed(result)) expect(parsed(emitted(result))).toEqual(result);
      }),
      { numRuns },
    );
  });
});

describe('LLDP captures', () => {
  const name = 'reconstructed_lldpmed_7971_7945.pcap';
  const frames = sharedPcap(name);
  it.skipIf(frames === null)(name, () => {
    expect(frames!.length).toBeGreaterThan(0);
    for (const frame of frames!) expect(toHex(emitted(parsed(frame.slice(14))))).toBe(toHex(frame.slice(14)));
  });
});
