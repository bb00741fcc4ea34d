import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fuzzRuns } from '../../../test/support/fuzz-runs.ts';
import { sccpCapture } from '../../../test/support/sccp-capture.ts';
import { sharedVector } from '../../../test/support/shared-vectors.ts';
import { isMalformed } from '../../malformed.ts';
import * as sccp from './message.ts';

function octets(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex.replace(/\s+/g, ''), 'hex'));
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function parsed(bytes: Uint8Array, version?: number): sccp.Message {
  const m = sccp.parse(bytes, 0, bytes.length, version);
  if (isMalformed(m)) throw new Error(m.reason);
  return m;
}

function dialect(version: number): sccp.Dialect {
  return { version, headerVersion: 0, utf8: true };
}

function framed(id: number, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(12 + body.length);
  new DataView(bytes.buffer).setUint32(0, body.length + 4, true);
  new DataView(bytes.buffer).setUint32(8, id, true);
  bytes.set(body, 12);
  return bytes;
}

function frame(id: number, body: string): Uint8Array {
  return framed(id, octets(body));
}

const GOLDEN: readonly (readonly [string, number, object])[] = [
  [
    'golden_v22_line_status',
    22,
    {
      type: 'LineStatDynamicRes',
      lineInstance: 1,
      lineType: 15,
      dirNumber: '1001',
      fullyQualifiedDisplayName: '1001',
      label: '1001',
    },
  ],
  [
    'golden_v22_open_receive',
    22,
    {
      type: 'OpenReceiveChannel',
      conferenceId: 1,
      passThroughPartyId: 1,
      msPerPacket: 20,
      codec: 2,
      callReference: 1,
      rfc2833PayloadType: 101,
      dtmfType: 10,
    },
  ],
  [
    'golden_v17_open_receive',
    17,
    { type: 'OpenReceiveChannel', codec: 4, msPerPacket: 20, rfc2833PayloadType: 10, dtmfType: 0 },
  ],
  [
    'golden_v22_open_receive_ack',
    22,
    {
      type: 'OpenReceiveChannelAck',
      status: 0,
      ipAddr: 0xc0000201,
      port: 4000,
      passThroughPartyId: 1,
      callReference: 1,
    },
  ],
  [
    'golden_v22_start_media',
    22,
    { type: 'StartMediaTransmission', remoteIpAddr: 0xc0000201, remotePort: 4000, msPerPacket: 20, codec: 2 },
  ],
  [
    'golden_v17_start_media',
    17,
    { type: 'StartMediaTransmission', remoteIpAddr: 0xc0a8092c, remotePort: 19654, codec: 4, precedence: 184 },
  ],
  ['golden_v22_start_media_ack', 22, { type: 'StartMediaTransmissionAck', ipAddr: 0xc0000201, port: 4000, status: 0 }],
  [
    'golden_v20_start_media_ack_6901',
    20,
    { type: 'StartMediaTransmissionAck', ipAddr: 0x0a01022c, port: 12276, bodyLength: 48 },
  ],
  ['golden_v22_update_capabilities_7961', 22, { type: 'UpdateCapabilities', audioCapCount: 8, bodyLength: 1840 }],
];

describe('frames of real phones and their servers', () => {
  for (const [name, version, meaning] of GOLDEN) {
    const text = sharedVector(`sccp/sccp-rs_${name}.hex`);
    it.skipIf(text === null)(`${name} means what is documented, and is reproduced`, () => {
      const bytes = octets(Buffer.from(text!).toString());
      const m = parsed(bytes, version);
      expect(m).toMatchObject(meaning);
      expect(hex(sccp.encode(m, dialect(version)))).toBe(hex(bytes));
    });
  }

  it('builds the capabilities of a 7961 out of the eight codecs that it lists', () => {
    const text = sharedVector('sccp/sccp-rs_golden_v22_update_capabilities_7961.hex');
    const list = [25, 40, 4, 40, 2, 40, 15, 60, 16, 60, 11, 60, 12, 60, 257, 1];
    const audioCaps = Array.from({ length: 8 }, (_, k) => ({
      codec: list[2 * k]!,
      maxFramesPerPacket: list[2 * k + 1]!,
    }));
    const bytes = sccp.encode(
      { type: 'UpdateCapabilities', audioCaps },
      { version: 22, headerVersion: 22, utf8: true },
    );
    expect(bytes.length).toBe(1852);
    if (text !== null) expect(hex(bytes)).toBe(Buffer.from(text).toString().replace(/\s+/g, ''));
  });
});

/** Frames of the fixture that were cut when captured, by octets missing. */
type Fixture = Record<string, Record<string, string>>;

describe('CallManager 3.1, 3.3 and 4.1', () => {
  const json = sharedVector('sccp/pyskinny_cucm_frames.json');
  const fixture: Fixture = json === null ? {} : JSON.parse(Buffer.from(json).toString());
  const whole = Object.values(fixture).flatMap((group) => Object.values(group).map(octets));

  it.skipIf(json === null)('every whole frame is known and reproduced; cut ones are called so', () => {
    let cut = 0;
    for (const bytes of whole) {
      const m = sccp.parse(bytes, 0, bytes.length, 3);
      if (isMalformed(m)) {
        expect(m).toBe(sccp.TRUNCATED);
        cut++;
        continue;
      }
      expect(m.type).not.toBe('Unknown');
      expect(hex(sccp.encode(m, dialect(3))).length).toBe(hex(bytes).length);
    }
    expect([whole.length, cut]).toEqual([46, 14 + 2]);
  });

  it.skipIf(json === null)('an incoming call', () => {
    const ring = Object.values(fixture.cm_call_ring!).map((text) => parsed(octets(text), 3));
    expect(ring.map((m) => m.type)).toEqual([
      'CallState',
      'SelectSoftKeys',
      'DisplayPromptStatus',
      'DisplayPriNotify',
      'SetLamp',
      'SetRinger',
    ]);
    expect(ring[0]).toMatchObject({ state: 4, lineInstance: 1, callReference: 0x0100001f });
    expect(ring[1]).toMatchObject({ softKeySetIndex: 3, validKeyMask: 0xffffffff });
    expect(ring[3]).toMatchObject({ timeout: 10, priority: 5 });
    const media = parsed(octets(fixture.cm_call_media!['154']!), 3);
    expect(media).toMatchObject({
      type: 'StartMediaTransmission',
      remoteIpAddr: 0x0a66db1b,
      codec: 4,
      precedence: 184,
    });
  });
});

describe('captures of Asterisk', () => {
  for (const [name, version] of [
    ['sccp-v11-call600.pcap', 11],
    ['sccp-v22-call600.pcap', 22],
    ['skinny-v17-call600.pcap', 17],
  ] as const) {
    const capture = sccpCapture(name);
    it.skipIf(capture === null)(`${name}: the server's frames`, () => {
      const messages = capture!.fromServer.map((bytes) => parsed(bytes, version));
      expect(messages.filter((m) => m.type === 'Unknown')).toEqual([]);
      const line = messages.find((m) => m.type === 'LineStatRes' || m.type === 'LineStatDynamicRes');
      expect(line).toMatchObject({ lineInstance: 1, dirNumber: '1000' });
      expect(messages.find((m) => m.type === 'SpeedDialStatRes')).toMatchObject({
        dirNumber: '600',
        displayName: 'Echo',
      });
      expect(messages.find((m) => m.type === 'DefineTimeDate')).toMatchObject({ year: 2026, month: 11, day: 22 });
      const template = messages.find((m) => m.type === 'ButtonTemplateRes')!;
      expect(template.buttons).toEqual([
        { instance: 1, type: 9 },
        { instance: 1, type: 2 },
      ]);
      const dialled = messages.find((m) => m.type === 'DialedNumber')!;
      expect(dialled).toMatchObject({ number: '600', lineInstance: 1 });
      const info = messages.find((m) => m.type === 'CallInfoDynamic')!;
      expect(info).toMatchObject({ lineInstance: 1, callType: 2, callingParty: '1000', calledParty: '600' });
      expect(info.callingPartyName).toBe('User 1000');
    });

    it.skipIf(capture === null)(`${name}: what is read is reproduced`, () => {
      for (const bytes of [...capture!.fromServer, ...capture!.fromPhone]) {
        const m = parsed(bytes, version);
        const again = sccp.encode(m, dialect(version));
        expect(parsed(again, version)).toEqual(m);
        if (!HAS_GARBAGE.has(m.type)) expect(hex(again), m.type).toBe(hex(bytes));
      }
    });
  }
});

/** Unused octets that are not zero: places without a button as FF by chan-sccp, two behind the date template by chan_skinny. */
const HAS_GARBAGE = new Set(['ButtonTemplateRes', 'RegisterAck']);

describe('bodies of other lengths', () => {
  it('reads RegisterAck of CallManager 2.x, 12 octets, garbage in the template', () => {
    expect(parsed(frame(0x81, '1e000000 4d2f442f5941 beef'))).toMatchObject({
      type: 'RegisterAck',
      keepAliveInterval: 30,
      dateTemplate: 'M/D/YA',
      secondaryKeepAliveInterval: 0,
      protocolVer: 0,
    });
  });

  it('reads the 48 that chan_skinny writes for a version', () => {
    expect(parsed(frame(0x81, '1e000000 442f4d2f590030001e00000030000000'))).toMatchObject({
      protocolVer: 48,
      dateTemplate: 'D/M/Y',
      secondaryKeepAliveInterval: 30,
    });
  });

  it('reads ForwardStat with 24 and with 25 octets a number', () => {
    for (const version of [3, 17, 18, 22]) {
      const m = { type: 'ForwardStatRes', lineInstance: 2, allActive: 1, allNumber: '2001', busyNumber: '7' } as const;
      const bytes = sccp.encode(m, dialect(version));
      expect(bytes.length).toBe(12 + (version >= 18 ? 95 : 92));
      expect(parsed(bytes, version)).toMatchObject(m);
    }
  });

  it.each([
    [3, 64],
    [11, 68],
    [17, 124],
    [22, 124],
  ])('writes Register at version %i in %i octets', (version, length) => {
    const bytes = sccp.encode(
      { type: 'RegisterReq', deviceName: 'SEP02005EC0FFEE', protocolVer: version },
      dialect(version),
    );
    expect(bytes.length).toBe(12 + length);
    expect(parsed(bytes)).toMatchObject({ deviceName: 'SEP02005EC0FFEE', protocolVer: version });
  });

  it('reads a Register as short as FreeSWITCH takes it, 36 octets', () => {
    const body = `${hex(Buffer.from('SEP02005EC0FFEE\0'))}00000000 01000000 0a000005 b5010000 05000000`;
    expect(parsed(frame(1, body))).toMatchObject({
      deviceName: 'SEP02005EC0FFEE',
      stationIpAddr: 0x0a000005,
      deviceType: 437,
      maxStreams: 5,
      protocolVer: 0,
      loadName: '',
    });
  });

  it('clamps counts to the entries that are there', () => {
    const m = parsed(frame(0x97, '00000000 ffffffff ffffffff 0109 0209'));
    expect(m).toMatchObject({
      count: 0xffffffff,
      buttons: [
        { instance: 1, type: 9 },
        { instance: 2, type: 9 },
      ],
    });
  });

  it('takes more soft keys than the table has places (chan-sccp: 64)', () => {
    const keys = Array.from({ length: 50 }, (_, k) => ({ label: `k${k}`, event: k }));
    const m = parsed(sccp.encode({ type: 'SoftKeyTemplateRes', keys }));
    expect(m).toMatchObject({ count: 50, keys });
  });

  it('keeps an unknown message whole', () => {
    const bytes = frame(0x4242, 'c0ffee');
    const m = parsed(bytes);
    expect(m).toMatchObject({ type: 'Unknown', id: 0x4242, body: octets('c0ffee') });
    expect(hex(sccp.encode(m))).toBe(hex(bytes));
  });

  it('refuses frames that are none', () => {
    expect(sccp.parse(octets('0400'))).toBe(sccp.SHORT);
    expect(sccp.parse(octets('03000000 00000000 00000000'))).toBe(sccp.BAD_LENGTH);
    expect(sccp.parse(octets('01400000 00000000 00000000'))).toBe(sccp.BAD_LENGTH);
    expect(sccp.parse(octets('05000000 00000000 00000000'))).toBe(sccp.TRUNCATED);
  });

  it('describes a message in a line', () => {
    expect(sccp.describe(parsed(frame(0x9d, hex(Buffer.from('No Authority: SEP1\0garbage')))))).toBe(
      'SCCP RegisterReject, 26 octets: text "No Authority: SEP1"',
    );
  });
});

describe('any octets', () => {
  const ids = fc.constantFrom(...[...Array(0x165).keys()], 0x8000, 0x8100, 0xffffffff);
  const version = fc.integer({ min: 0, max: 24 });

  it('are read without throwing, and what was written is read again as the same', () => {
    fc.assert(
      fc.property(ids, fc.uint8Array({ maxLength: 900 }), version, (id, body, at) => {
        const m = parsed(framed(id, body), at);
        sccp.describe(m);
        const again = parsed(sccp.encode(m, dialect(at)), at);
        expect(again.type).toBe(m.type);
        expect(again.bodyLength).toBe(body.length);
      }),
      { numRuns: fuzzRuns() },
    );
  });

  // Octets above 80 are left out: ISO 8859-1 text grows when it is written as UTF-8, and may not fit its field any more.
  it('of ASCII and label codes say the same after they were read and written', () => {
    const octet = fc.oneof({ weight: 20, arbitrary: fc.nat(0x80) }, { weight: 20, arbitrary: fc.constant(0) });
    fc.assert(
      fc.property(ids, fc.array(octet, { maxLength: 600 }), version, (id, body, at) => {
        const m = parsed(framed(id, Uint8Array.from(body)), at);
        expect(parsed(sccp.encode(m, dialect(at)), at)).toEqual(m);
      }),
      { numRuns: fuzzRuns(0.5) },
    );
  });

  it('are refused or read, never more', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        sccp.parse(bytes);
      }),
      { numRuns: fuzzRuns() },
    );
  });

  it('one octet changed in a good frame does no harm', () => {
    const good = sccp.encode({
      type: 'SoftKeySetRes',
      sets: [
        { templateIndex: Uint8Array.of(1, 2, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), infoIndex: [301, 302, 305] },
      ],
    });
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), (at, value) => {
        const bytes = good.slice();
        bytes[at] = value;
        const m = sccp.parse(bytes);
        if (!isMalformed(m)) sccp.describe(m);
      }),
      { numRuns: fuzzRuns() },
    );
  });
});
