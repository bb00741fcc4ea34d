import { describe, expect, it } from 'vitest';
import type { ModelRow } from '../hal/board.ts';
import { MODELS, modelNamed } from './models.ts';

const rowOf = (name: string): ModelRow => {
  const row = modelNamed(name);
  if (row === null) throw new Error(`no row for ${name}`);
  return row;
};

const hex = (octets: readonly number[]): string => octets.map((octet) => octet.toString(16).padStart(2, '0')).join('');
const u16 = (value: number): string => value.toString(16).padStart(4, '0');
const u32 = (value: number): string => value.toString(16).padStart(8, '0');
const text = (value: string): string => hex([...value].map((character) => character.charCodeAt(0)));
const cdpTlv = (type: number, value: string): string => u16(type) + u16(4 + value.length / 2) + value;

describe('modelNamed', () => {
  it.each([
    ['7975', 'CP-7975G'],
    ['CP-7975G', 'CP-7975G'],
    [' cp-7975g ', 'CP-7975G'],
    ['8861', 'CP-8861'],
    ['7961g-ge', 'CP-7961G-GE'],
  ])('takes %s', (written, productId) => {
    expect(modelNamed(written)?.productId).toBe(productId);
  });

  it.each(['', '79', '7975G', 'CP-9999', '__proto__'])('knows no "%s"', (written) => {
    expect(modelNamed(written)).toBeNull();
  });
});

describe('each row', () => {
  it('has a name, a product and a device type of its own', () => {
    for (const key of ['name', 'productId', 'deviceType'] as const) {
      const values = MODELS.map((row) => row[key]);
      expect(new Set(values).size).toBe(values.length);
    }
  });

  it.each(MODELS)('$name is whole', (row) => {
    expect(row.protocols.length).toBeGreaterThan(0);
    expect(Object.keys(row.loads).sort()).toEqual([...row.protocols].sort());
    // CUCM's VersionRes and the SCCP alarm hold 16 and 80 characters; a load name of Register holds 32 with its NUL.
    for (const load of Object.values(row.loads)) expect(load).toMatch(/^[\w.-]{1,31}$/);
    expect(row.sccp.version > 0).toBe(row.protocols.includes('sccp'));
    expect(row.lines).toBeGreaterThan(0);
    expect(row.power.requestedMilliwatts).toEqual([...row.power.requestedMilliwatts].sort((a, b) => b - a));
    expect(row.dhcp.parameterRequestList).toEqual(expect.arrayContaining([1, 3, 6, 15, 66, 150]));
  });

  it('asks for SIP alone where no SCCP load exists', () => {
    for (const row of MODELS.filter(({ name }) => /^(78|88|99|8961)/.test(name)))
      expect(row.protocols).toEqual(['sip']);
  });
});

/** Frames of real phones as published; the payloads stand in the public test suites of Scapy and VoIP Hopper and in IOS output. */
describe('CDP values of real phones', () => {
  it.each([
    ['7960', '00060017436973636f2049502050686f6e652037393630'],
    ['7971', '00060017436973636f2049502050686f6e652037393731'],
    ['7942', '00060017436973636f2049502050686f6e652037393432'],
  ])('platform of a %s', (name, tlv) => {
    expect(cdpTlv(0x0006, text(rowOf(name).platform))).toBe(tlv);
  });

  it.each([
    ['7960', '0004000800000010'],
    ['7971', '0004000800000090'],
    ['7942', '0004000800000490'],
  ])('capabilities of a %s', (name, tlv) => {
    expect(cdpTlv(0x0004, u32(rowOf(name).cdp.capabilities))).toBe(tlv);
  });

  it.each(['7960', '7971', '7942'])('power consumption of a %s', (name) => {
    expect(cdpTlv(0x0010, u16(rowOf(name).power.consumptionMilliwatts))).toBe('00100006189c');
  });

  it('power request of a 7942', () => {
    const levels = rowOf('7942').power.requestedMilliwatts.map(u32).join('');
    expect(cdpTlv(0x0019, `09650003${levels}`)).toBe('0019001c096500030000189c00000000000000000000000000000000');
  });

  it('no power request in the frames of a 7960 and a 7971', () => {
    expect(rowOf('7960').power.requestedMilliwatts).toEqual([]);
    expect(rowOf('7971').power.requestedMilliwatts).toEqual([]);
  });
});

describe('LLDP values of real phones', () => {
  const reversed = (value: number): number =>
    Number.parseInt(value.toString(2).padStart(16, '0').split('').reverse().join(''), 2);

  it('MAC/PHY of a 7971, in the wrong bit order as it sends it', () => {
    const { lldp } = rowOf('7971');
    const pmd = lldp.pmdBitReversed ? reversed(lldp.pmd) : lldp.pmd;
    expect(`00120f0103${u16(pmd)}${u16(lldp.mau)}`).toBe('00120f01038036001e');
  });

  it('extended power: 14.9 W and 12.0 W', () => {
    expect(u16(rowOf('7971').power.lldpTenthsOfWatt)).toBe('0095');
    expect(u16(rowOf('7945').power.lldpTenthsOfWatt)).toBe('0078');
  });

  it('inventory and hold time', () => {
    expect(rowOf('7971').lldp).toMatchObject({ firmwareRevision: '7971_020706_cert.bin', ttlSeconds: 120 });
    expect(rowOf('7971').productId).toBe('CP-7971G-GE');
    expect(rowOf('7945').lldp.firmwareRevision).toBe('tnp45.9-3-1-CR17.bin');
    expect(rowOf('7945').productId).toBe('CP-7945G');
    expect(rowOf('7960').lldp.supported).toBe(false);
  });
});

describe('DHCP values', () => {
  it.each([
    ['7940', 'Cisco Systems, Inc. IP Phone CP-7940G\0'],
    ['7961', 'Cisco Systems, Inc. IP Phone CP-7961G\0'],
    ['7975', 'Cisco Systems, Inc. IP Phone CP-7975G\0'],
    ['8961', 'Cisco Systems, Inc. IP Phone CP-8961\0'],
    ['8945', 'Cisco Systems, Inc. IP Phone CP-8945'],
    ['8845', 'Cisco Systems, Inc. IP Phone CP-8845'],
    ['7912', 'Cisco Systems, Inc. IP Phone 7912'],
    ['6901', 'Cisco Systems, Inc.'],
  ])('vendor class of a %s', (name, vendorClass) => {
    expect(rowOf(name).dhcp.vendorClass).toBe(vendorClass);
  });

  it('requests of a classic and of a newer phone', () => {
    expect(rowOf('7975').dhcp.parameterRequestList).toEqual([1, 66, 6, 3, 15, 150, 35]);
    expect(rowOf('8861').dhcp.parameterRequestList).toEqual([1, 3, 6, 15, 42, 66, 150]);
  });
});

describe('SCCP values', () => {
  const register = ({ sccp }: ModelRow): string => hex([sccp.version, ...sccp.features]);

  it('version and features of Register, offsets 40 to 43', () => {
    expect(register(rowOf('7940'))).toBe('0b006085');
    expect(register(rowOf('7941'))).toBe('11007285');
    expect(register(rowOf('6961'))).toBe('0f207085');
  });

  it('header version: 7940 and 7960 write 0 whatever was negotiated', () => {
    expect(rowOf('7940').sccp.headerVersion).toBe('zero');
    expect(rowOf('7960').sccp.headerVersion).toBe('zero');
    for (const name of ['7961', '7962', '7970', '7975', '8945', '6911', '6901']) {
      expect(rowOf(name).sccp.headerVersion).toBe('negotiated');
    }
  });

  it.each([
    ['7960', 7, 6],
    ['7940', 8, 2],
    ['7941', 115, 2],
    ['7971', 119, 8],
    ['7962', 404, 6],
    ['7945', 435, 2],
    ['7965', 436, 6],
    ['7975', 437, 8],
    ['7970', 30006, 8],
    ['7961', 30018, 6],
    ['6961', 497, 12],
    ['8861', 685, 10],
  ])('a %s is device type %i with %i lines', (name, deviceType, lines) => {
    expect(rowOf(name)).toMatchObject({ deviceType, lines });
  });
});
