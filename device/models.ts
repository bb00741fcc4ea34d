import type { ModelRow as WholeRow } from '../hal/board.ts';

/** A row before what follows from the others is added. */
type ModelRow = Omit<WholeRow, 'sip' | 'tls' | 'autoRegistration' | 'showsFileSteps'>;

/**
 * The telephones we know, as data. Sources: Cisco's administration guides, IOS outputs and captures published by others.
 * A figure marked [?] comes from memory or is taken over from a sister model; nothing may be asserted on it.
 *
 * The flash size is ours and the same for all: it is the part our images are built for, not the real one.
 */

const FLASH_SIZE = 4 * 1024 * 1024;

/** CDP capability bits: Host, Phone, Two-port MAC relay. */
const HOST = 0x010;
const HOST_PHONE = 0x090;
const HOST_PHONE_RELAY = 0x490;

/** ifMauAutoNegCapAdvertisedBits (RFC 4836): 10/100 half and full duplex, without and with 1000BASE-T full duplex. */
const FAST_ETHERNET = { pmd: 0x6c00, mau: 0x0010 } as const;
const GIGABIT = { pmd: 0x6c01, mau: 0x001e } as const;

/** What classic 79xx ask for, and what newer phones ask for (two independent fingerprint lists, one). */
const CLASSIC_REQUESTS: readonly number[] = [1, 66, 6, 3, 15, 150, 35];
const NEWER_REQUESTS: readonly number[] = [1, 3, 6, 15, 42, 66, 150];

const NO_SCCP: ModelRow['sccp'] = { version: 0, headerVersion: 'zero', features: [0, 0, 0], instance: 0 };

/** The feature octets of Register as seen from a 7941 with load 8.5.3; later loads [?]. */
const FEATURES_79X1: ModelRow['sccp']['features'] = [0x00, 0x72, 0x85];
const FEATURES_69XX: ModelRow['sccp']['features'] = [0x20, 0x70, 0x85];

/** The power request as IOS prints it: five levels, unused ones zero. */
function levels(...milliwatts: readonly number[]): readonly number[] {
  return Array.from({ length: 5 }, (_, index) => milliwatts[index] ?? 0);
}

/** What follows from the name alone. */
function named(name: string, productId: string): Pick<ModelRow, 'name' | 'productId' | 'platform' | 'flashSize'> {
  return { name, productId, platform: `Cisco IP Phone ${name}`, flashSize: FLASH_SIZE };
}

/** Option 60 of the classic phones ends in a NUL that is on the wire. */
function classicDhcp(productId: string): ModelRow['dhcp'] {
  return { vendorClass: `Cisco Systems, Inc. IP Phone ${productId}\0`, parameterRequestList: CLASSIC_REQUESTS };
}

function newerDhcp(productId: string): ModelRow['dhcp'] {
  return { vendorClass: `Cisco Systems, Inc. IP Phone ${productId}`, parameterRequestList: NEWER_REQUESTS };
}

/** Loads that exist in both protocols under one number, as 79x1 and later have them: `SCCP75.9-4-2SR3-1S`. */
function twinLoads(family: string): ModelRow['loads'] {
  return { sccp: `SCCP${family}.9-4-2SR3-1S`, sip: `SIP${family}.9-4-2SR3-1S` };
}

/** 7975, 7945, 7965: gigabit, colour, class 3, 12.0 W by CDP and by LLDP-MED. */
const GIGABIT_79X5 = {
  protocols: ['sccp', 'sip'],
  power: { class: 3, consumptionMilliwatts: 12_000, requestedMilliwatts: levels(12_000), lldpTenthsOfWatt: 120 },
  cdp: { capabilities: HOST_PHONE_RELAY, taggedToo: true }, // [?], as seen from 7942
  sccp: { version: 22, headerVersion: 'negotiated', features: FEATURES_79X1, instance: 0 },
  http: false, // [?] A 7965 guide of the 9.x loads says HTTP first; `file.transport` sets it.
  itl: true,
  screen: { rows: 10, columns: 34 }, // [?]
} as const satisfies Partial<ModelRow>;

/** `boot` is the boot image; the bit order is a fact of the 7971 and [?] here. */
function lldp79x5(boot: string): ModelRow['lldp'] {
  return { supported: true, ttlSeconds: 180, pmdBitReversed: true, ...GIGABIT, firmwareRevision: boot };
}

/** 7941, 7961, 7942, 7962, 7906, 7911: fast Ethernet, grey, class 2, 6.3 W. */
const FAST_79XX = {
  protocols: ['sccp', 'sip'],
  power: { class: 2, consumptionMilliwatts: 6_300, requestedMilliwatts: levels(6_300), lldpTenthsOfWatt: 63 },
  http: false, // [?] A 7965 guide of the 9.x loads says HTTP first; `file.transport` sets it.
  itl: true,
  screen: { rows: 9, columns: 34 }, // [?]
} as const satisfies Partial<ModelRow>;

function lldpFast79xx(boot: string): ModelRow['lldp'] {
  return { supported: true, ttlSeconds: 180, pmdBitReversed: true, ...FAST_ETHERNET, firmwareRevision: boot };
}

/** 7941G-GE and 7961G-GE: the same with gigabit, class 3 [?]. */
const GIGABIT_79X1 = {
  ...FAST_79XX,
  power: { class: 3, consumptionMilliwatts: 12_900, requestedMilliwatts: levels(12_900), lldpTenthsOfWatt: 129 },
  cdp: { capabilities: HOST_PHONE, taggedToo: true },
  lldp: { supported: true, ttlSeconds: 180, pmdBitReversed: true, ...GIGABIT, firmwareRevision: '' },
} as const satisfies Partial<ModelRow>;

/** 7970 and 7971: colour touch screen; the CDP and LLDP values are a 7971's with load 8.3. */
const TOUCH_797X = {
  protocols: ['sccp', 'sip'],
  loads: twinLoads('70'),
  cdp: { capabilities: HOST_PHONE, taggedToo: true },
  sccp: { version: 22, headerVersion: 'negotiated', features: FEATURES_79X1, instance: 0 },
  http: false, // [?] A 7965 guide of the 9.x loads says HTTP first; `file.transport` sets it.
  itl: true,
  lines: 8,
  screen: { rows: 10, columns: 34 }, // [?]
} as const satisfies Partial<ModelRow>;

/** 7905, 7912, 7940, 7960: Cisco's own inline power, CDP alone, TFTP alone, no identity trust list. That it is these which ask for their load over SCCP is [?]. */
const FIRST_79XX = {
  power: { class: null, consumptionMilliwatts: 6_300, requestedMilliwatts: [], lldpTenthsOfWatt: 0 },
  cdp: { capabilities: HOST, taggedToo: true },
  lldp: { supported: false, ttlSeconds: 0, pmdBitReversed: false, ...FAST_ETHERNET, firmwareRevision: '' },
  http: false,
  itl: false,
  screen: { rows: 7, columns: 20 }, // [?]
} as const satisfies Partial<ModelRow>;

/** 69xx: class 1, at most 3.84 W. CDP and LLDP values [?]. */
const LOW_POWER_69XX = {
  protocols: ['sccp', 'sip'],
  power: { class: 1, consumptionMilliwatts: 3_840, requestedMilliwatts: [], lldpTenthsOfWatt: 38 },
  cdp: { capabilities: HOST_PHONE_RELAY, taggedToo: false },
  lldp: { supported: true, ttlSeconds: 120, pmdBitReversed: false, ...FAST_ETHERNET, firmwareRevision: '' },
  http: true,
  itl: true,
  screen: { rows: 4, columns: 24 }, // [?]
} as const satisfies Partial<ModelRow>;

/** 78xx: SIP alone, class 1 [?]. */
const SIP_78XX = {
  protocols: ['sip'],
  loads: { sip: 'sip78xx.14-1-1MN-18' },
  power: { class: 1, consumptionMilliwatts: 3_840, requestedMilliwatts: [], lldpTenthsOfWatt: 38 },
  cdp: { capabilities: HOST_PHONE_RELAY, taggedToo: false },
  lldp: { supported: true, ttlSeconds: 180, pmdBitReversed: false, ...FAST_ETHERNET, firmwareRevision: '' },
  sccp: NO_SCCP,
  http: true,
  itl: true,
  screen: { rows: 6, columns: 32 }, // [?]
} as const satisfies Partial<ModelRow>;

/** 88xx: SIP alone, gigabit. The draw of 6.3 W and the capabilities are an 8845's. */
const SIP_88XX = {
  protocols: ['sip'],
  loads: { sip: 'sip88xx.14-1-1MN-18' },
  power: { class: 2, consumptionMilliwatts: 6_300, requestedMilliwatts: levels(6_300), lldpTenthsOfWatt: 63 },
  cdp: { capabilities: HOST_PHONE_RELAY, taggedToo: false },
  lldp: { supported: true, ttlSeconds: 180, pmdBitReversed: false, ...GIGABIT, firmwareRevision: '' },
  sccp: NO_SCCP,
  http: true,
  itl: true,
  lines: 10, // [?]
  screen: { rows: 12, columns: 50 }, // [?]
} as const satisfies Partial<ModelRow>;

/** 8851, 8861, 8865: 802.3at for what hangs on their USB ports; the figures are [?]. */
const CLASS_4_POWER: ModelRow['power'] = {
  class: 4,
  consumptionMilliwatts: 12_900,
  requestedMilliwatts: levels(25_500, 15_400, 13_000),
  lldpTenthsOfWatt: 129,
};

/** 8961, 9951, 9971: SIP alone, up to 15.4 W on an 802.3af port. */
const SIP_99XX = {
  ...SIP_88XX,
  power: {
    class: 4,
    consumptionMilliwatts: 13_000, // [?]
    requestedMilliwatts: levels(15_400, 13_000),
    lldpTenthsOfWatt: 130, // [?]
  },
} as const satisfies Partial<ModelRow>;

function model79x5(name: string, type: number, lines: number, boot: string, family: string): ModelRow {
  const productId = `CP-${name}G`;
  const identity = { ...named(name, productId), deviceType: type, lines, loads: twinLoads(family) };
  return { ...identity, ...GIGABIT_79X5, lldp: lldp79x5(boot), dhcp: classicDhcp(productId) };
}

interface Fast79xx {
  readonly type: number;
  readonly lines: number;
  readonly family: string;
  readonly capabilities: number;
  readonly version: number;
  readonly boot?: string;
}

function modelFast79xx(name: string, its: Fast79xx): ModelRow {
  const productId = `CP-${name}G`;
  return {
    ...named(name, productId),
    ...FAST_79XX,
    deviceType: its.type,
    lines: its.lines,
    loads: twinLoads(its.family),
    cdp: { capabilities: its.capabilities, taggedToo: true },
    lldp: lldpFast79xx(its.boot ?? ''),
    dhcp: classicDhcp(productId),
    sccp: { version: its.version, headerVersion: 'negotiated', features: FEATURES_79X1, instance: 0 },
  };
}

function modelGigabit79x1(name: string, type: number, lines: number): ModelRow {
  return {
    ...named(name, `CP-${name}`),
    platform: `Cisco IP Phone ${name.slice(0, 4)}`, // [?]
    ...GIGABIT_79X1,
    deviceType: type,
    lines,
    loads: twinLoads('41'),
    dhcp: classicDhcp(`CP-${name}`),
    sccp: { version: 17, headerVersion: 'negotiated', features: FEATURES_79X1, instance: 0 },
  };
}

function modelFirst79xx(name: string, type: number, lines: number): ModelRow {
  const productId = `CP-${name}G`;
  const sccp = {
    version: 11,
    headerVersion: 'zero',
    features: [0x00, 0x60, 0x85],
    instance: 1,
    asksForLoad: true,
  } as const;
  const identity = { ...named(name, productId), ...FIRST_79XX, deviceType: type, lines, sccp };
  return {
    ...identity,
    protocols: ['sccp', 'sip'],
    loads: { sccp: 'P0030801SR02', sip: 'P003-08-2-00' },
    dhcp: classicDhcp(productId),
  };
}

/** 7905 and 7912: one line, SCCP version 8 as a 7912's. */
function modelSingleLine79xx(name: string, type: number, load: string): ModelRow {
  return {
    ...named(name, `CP-${name}G`),
    ...FIRST_79XX,
    deviceType: type,
    lines: 1,
    protocols: ['sccp'],
    loads: { sccp: load },
    dhcp: { vendorClass: `Cisco Systems, Inc. IP Phone ${name}`, parameterRequestList: CLASSIC_REQUESTS },
    sccp: { version: 8, headerVersion: 'zero', features: [0x00, 0x60, 0x85], instance: 1, asksForLoad: true }, // features [?]
    screen: { rows: 2, columns: 20 }, // [?]
  };
}

interface LowPower69xx {
  readonly type: number;
  readonly lines: number;
  readonly version: number;
  readonly load: string;
  readonly class?: 1 | 2;
}

function model69xx(name: string, its: LowPower69xx): ModelRow {
  const productId = `CP-${name}`;
  return {
    ...named(name, productId),
    ...LOW_POWER_69XX,
    power: { ...LOW_POWER_69XX.power, class: its.class ?? 1 },
    deviceType: its.type,
    lines: its.lines,
    loads: { sccp: `SCCP${its.load}`, sip: `SIP${its.load}` },
    dhcp: newerDhcp(productId),
    sccp: { version: its.version, headerVersion: 'negotiated', features: FEATURES_69XX, instance: 0 },
  };
}

/** 6901 and 6911 say no more than the maker's name in option 60; the 6901 has no screen. */
function model6901(name: string, its: LowPower69xx, screen: ModelRow['screen']): ModelRow {
  const dhcp = { vendorClass: 'Cisco Systems, Inc.', parameterRequestList: CLASSIC_REQUESTS };
  return { ...model69xx(name, its), dhcp, screen, cdp: { capabilities: HOST_PHONE_RELAY, taggedToo: false } };
}

function model78xx(name: string, type: number, lines: number): ModelRow {
  return { ...named(name, `CP-${name}`), ...SIP_78XX, deviceType: type, lines, dhcp: newerDhcp(`CP-${name}`) };
}

function model88xx(name: string, type: number, differs: Partial<ModelRow> = {}): ModelRow {
  const row = { ...named(name, `CP-${name}`), ...SIP_88XX, deviceType: type, dhcp: newerDhcp(`CP-${name}`) };
  return { ...row, ...differs };
}

/** 8941 and 8945: both protocols under one load family, four lines to be seen. Power [?]. */
function model894x(name: string, type: number): ModelRow {
  return {
    ...model88xx(name, type),
    protocols: ['sccp', 'sip'],
    loads: { sccp: 'SCCP8941_8945.9-4-1-9', sip: 'SIP8941_8945.9-4-1-9' },
    lines: 4,
    sccp: { version: 22, headerVersion: 'negotiated', features: FEATURES_79X1, instance: 0 }, // features [?]
  };
}

function model99xx(name: string, type: number, lines: number): ModelRow {
  const row = { ...named(name, `CP-${name}`), ...SIP_99XX, deviceType: type, lines };
  return { ...row, loads: { sip: `sip${name}.9-4-1-9` }, dhcp: classicDhcp(`CP-${name}`) };
}

/** The 7970 boots at 6.3 W and asks for more by CDP (10.25 W for full brightness [?]). */
const MODEL_7970: ModelRow = {
  ...named('7970', 'CP-7970G'),
  ...TOUCH_797X,
  deviceType: 30006,
  power: {
    class: 3,
    consumptionMilliwatts: 6_300,
    requestedMilliwatts: levels(10_250, 6_300),
    lldpTenthsOfWatt: 63,
  },
  lldp: {
    supported: true,
    ttlSeconds: 120,
    pmdBitReversed: true,
    ...FAST_ETHERNET,
    firmwareRevision: '7970_020706_cert.bin', // [?]
  },
  dhcp: classicDhcp('CP-7970G'),
};

const MODEL_7971: ModelRow = {
  ...named('7971', 'CP-7971G-GE'),
  ...TOUCH_797X,
  deviceType: 119,
  // The published CDP frame carries 6300 mW and no request; its LLDP-MED says 14.9 W.
  power: { class: 3, consumptionMilliwatts: 6_300, requestedMilliwatts: [], lldpTenthsOfWatt: 149 },
  lldp: {
    supported: true,
    ttlSeconds: 120,
    pmdBitReversed: true,
    ...GIGABIT,
    firmwareRevision: '7971_020706_cert.bin',
  },
  dhcp: classicDhcp('CP-7971G-GE'),
};

/** 7900s ignore what the default file says of auto-registration, and an 8961 does; that 99xx are as the 8961 is [?], as is that 69xx are as newer phones. */
function withAutoRegistration(row: Omit<WholeRow, 'autoRegistration' | 'showsFileSteps'>): WholeRow {
  const is99xx = /^(?:8961|99)/.test(row.name);
  return {
    ...row,
    autoRegistration: {
      triesWhenDisabled: is99xx || row.name.startsWith('79'),
      afterReject: is99xx ? 'blank' : 'text',
    },
    showsFileSteps: !row.name.startsWith('894'),
  };
}

type BareRow = Omit<WholeRow, 'sip' | 'autoRegistration' | 'showsFileSteps'>;

/** 79xx and the 89xx of their time hold one SIP load, the others two [?]. Seen as User-Agent: Cisco-CP7970G, Cisco-CP7975G, Cisco-CP7821, Cisco-CP8851. */
function withSip(row: BareRow): BareRow & Pick<WholeRow, 'sip'> {
  if (!row.protocols.includes('sip')) return { ...row, sip: null };
  return {
    ...row,
    sip: { userAgent: `Cisco-${row.productId.replace('-', '')}`, banks: row.name.startsWith('79') ? 1 : 2 },
  };
}

/** As a 7900 and an 8941 offer them to SCCP servers. */
const OLD_TLS: WholeRow['tls'] = { versions: ['1.0', '1.0'], ciphers: ['AES256-SHA', 'AES128-SHA'] };

/** As an 8861 offers them; DES-CBC3-SHA, its last one, is no longer in OpenSSL. */
const NEWER_TLS: WholeRow['tls'] = {
  versions: ['1.0', '1.2'],
  ciphers: ['ECDHE-RSA-AES256-GCM-SHA384', 'ECDHE-RSA-AES128-GCM-SHA256', 'AES256-SHA', 'AES128-SHA'],
};

/** 78xx and 88xx but for the 894x are of the newer kind; that 69xx and 99xx are old ones is [?]. */
function withTls(row: ModelRow): BareRow {
  return { ...row, tls: /^(?:78|88)/.test(row.name) ? NEWER_TLS : OLD_TLS };
}

export const MODELS: readonly WholeRow[] = Object.freeze(
  [
    model79x5('7975', 437, 8, 'tnp75.9-3-1-CR17.bin', '75'), // boot image [?], as the 7945's
    model88xx('8861', 685, { power: CLASS_4_POWER }),
    model79x5('7945', 435, 2, 'tnp45.9-3-1-CR17.bin', '45'),
    model79x5('7965', 436, 6, 'tnp65.9-3-1-CR17.bin', '45'), // boot image [?]
    modelFast79xx('7942', { type: 434, lines: 2, family: '42', capabilities: HOST_PHONE_RELAY, version: 22 }),
    modelFast79xx('7962', { type: 404, lines: 6, family: '42', capabilities: HOST_PHONE_RELAY, version: 22 }),
    modelFast79xx('7941', { type: 115, lines: 2, family: '41', capabilities: HOST_PHONE, version: 17 }),
    modelFast79xx('7961', { type: 30018, lines: 6, family: '41', capabilities: HOST_PHONE, version: 22 }),
    modelGigabit79x1('7941G-GE', 309, 2),
    modelGigabit79x1('7961G-GE', 308, 6),
    modelFast79xx('7906', { type: 369, lines: 1, family: '11', capabilities: HOST_PHONE, version: 17 }),
    modelFast79xx('7911', { type: 307, lines: 1, family: '11', capabilities: HOST_PHONE, version: 17 }),
    MODEL_7970,
    MODEL_7971,
    modelFirst79xx('7940', 8, 2),
    modelFirst79xx('7960', 7, 6),
    modelSingleLine79xx('7905', 20000, 'CP7905080003SCCP070409A'),
    modelSingleLine79xx('7912', 30007, 'CP7912080004SCCP080108A'),
    model6901('6901', { type: 547, lines: 1, version: 20, load: '6901.9-3-1-SR1-3' }, { rows: 0, columns: 0 }),
    model6901('6911', { type: 548, lines: 1, version: 17, load: '6911.9-3-1-SR1-3' }, { rows: 2, columns: 20 }),
    model69xx('6921', { type: 495, lines: 2, version: 15, load: '69xx.9-4-1-3SR1' }), // version [?], as the 6961's
    model69xx('6941', { type: 496, lines: 4, version: 15, load: '69xx.9-4-1-3SR1' }), // version [?]
    model69xx('6945', { type: 564, lines: 4, version: 15, load: '6945.9-4-1-3', class: 2 }), // version [?]
    model69xx('6961', { type: 497, lines: 12, version: 15, load: '69xx.9-4-1-3SR1', class: 2 }),
    model78xx('7811', 36213, 1), // type [?]
    model78xx('7821', 621, 2),
    model78xx('7841', 622, 4),
    model78xx('7861', 623, 16),
    model88xx('8811', 36217),
    model88xx('8841', 683),
    model88xx('8845', 36224, { loads: { sip: 'sip8845_65.14-1-1MN-18' } }),
    model88xx('8851', 684, { power: CLASS_4_POWER }),
    model88xx('8865', 36225, { power: CLASS_4_POWER, loads: { sip: 'sip8845_65.14-1-1MN-18' } }),
    model894x('8941', 586),
    model894x('8945', 585),
    model99xx('8961', 540, 5),
    model99xx('9951', 537, 5),
    model99xx('9971', 493, 6),
  ].map((row) => withAutoRegistration(withSip(withTls(row)))),
);

/** Finds a model by what people write: `7975`, `CP-7975G`, `cp-7975g`. Null when there is none. */
export function modelNamed(text: string): WholeRow | null {
  const wanted = text.trim().toUpperCase();
  return MODELS.find((row) => row.name.toUpperCase() === wanted || row.productId.toUpperCase() === wanted) ?? null;
}

/** Hardware revisions that were seen in LLDP-MED inventories; the others are [?]. */
const HARDWARE_REVISIONS: Readonly<Record<string, string>> = { '7911': '9', '7945': '14', '7971': '3' };

export function hardwareRevisionOf(model: WholeRow): string {
  return HARDWARE_REVISIONS[model.name] ?? '1';
}
