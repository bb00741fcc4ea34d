import { describe, expect, it } from 'vitest';
import { modelNamed } from '../../device/models.ts';
import type { ModelRow } from '../../hal/board.ts';
import { NEVER, SECOND } from '../../hal/timer.ts';
import { tunableValues } from '../../hal/tunables.ts';
import { SeededRng } from '../../hal/virtual/rng.ts';
import * as cdp from '../wire/cdp.ts';
import { type CdpIn, CdpMachine, type CdpOut } from './cdp.ts';

function model(name: string): ModelRow {
  const row = modelNamed(name);
  if (row === undefined || row === null) throw new Error(`no model ${name}`);
  return row;
}

/** A dialogue: what goes in at which second, and everything that came out, one line each. */
class Dialogue {
  readonly machine: CdpMachine;
  readonly sent: { at: number; vlan: number | null; message: cdp.Message }[] = [];
  readonly rng = new SeededRng(7);
  #lines: string[] = [];

  constructor(row: ModelRow, overrides: Parameters<typeof tunableValues>[0] = {}) {
    this.machine = new CdpMachine(row, 'SEP001EF7289C8E', tunableValues(overrides), this.rng);
  }

  at(second: number, input?: CdpIn): readonly string[] {
    const now = second * SECOND;
    for (let due = this.machine.pollAt(); due < now; due = this.machine.pollAt()) this.#drain(Math.max(due, 0));
    if (input) this.machine.process(now, input);
    this.#drain(now);
    const lines = this.#lines;
    this.#lines = [];
    return lines;
  }

  #drain(now: number): void {
    for (let quiet = false; !quiet; ) {
      quiet = true;
      this.machine.dispatch(now, (out) => {
        quiet = false;
        this.#lines.push(`${now / SECOND} ${line(out)}`);
        if (out.kind === 'send') this.sent.push({ at: now / SECOND, vlan: out.vlan, message: out.message });
      });
    }
  }

  get requestId(): number {
    return cdp.find(this.sent[0]!.message, 'powerRequested')!.requestId;
  }
}

function line(out: CdpOut): string {
  switch (out.kind) {
    case 'send':
      return out.vlan === null ? 'send' : `send tagged ${out.vlan}`;
    case 'neighbor':
      return `neighbor ${out.neighbor.device} ${out.neighbor.port}`;
    case 'voice-vlan':
    case 'native-vlan':
      return `${out.kind} ${out.vlan}`;
    case 'power':
      return `power ${out.availableMilliwatts} draw ${out.drawMilliwatts}`;
    case 'expired':
      return `expired ${out.device}`;
    default:
      return out.kind;
  }
}

const UP: CdpIn = { kind: 'link', up: true, fullDuplex: true };
const DOWN: CdpIn = { kind: 'link', up: false, fullDuplex: false };

function answer(tlvs: readonly cdp.Tlv[] = [cdp.voipVlanReply(104)], device = 'SW', ttl = 180): CdpIn {
  const base: cdp.Tlv[] = [
    { kind: 'deviceId', text: device },
    { kind: 'portId', text: 'Fa0/3' },
    { kind: 'capabilities', value: cdp.CAPABILITY.switch },
    { kind: 'nativeVlan', value: 1 },
    { kind: 'duplex', full: true },
  ];
  return { kind: 'received', message: { version: 2, ttl, tlvs: [...base, ...tlvs] } };
}

function available(requestId: number, managementId: number, ...levels: number[]): cdp.Tlv {
  return { kind: 'powerAvailable', requestId, managementId, levels };
}

describe('CDP machine', () => {
  it('asks at link-up, takes the answer, says a second time what it is, then every minute', () => {
    const dialogue = new Dialogue(model('7960'));
    expect(dialogue.at(0)).toEqual([]);
    expect(dialogue.machine.pollAt()).toBe(NEVER);
    expect(dialogue.at(1, UP)).toEqual(['1 send']);
    expect(dialogue.at(1.02, answer())).toEqual([
      '1.02 neighbor SW Fa0/3',
      '1.02 native-vlan 1',
      '1.02 low-power',
      '1.02 voice-vlan 104',
      '1.02 send',
    ]);
    expect(dialogue.at(1.02, { kind: 'vlan', vlan: 104 })).toEqual(['1.02 send tagged 104']);
    expect(dialogue.at(62)).toEqual(['61.02 send', '61.02 send tagged 104']);
    expect(dialogue.at(121, answer())).toEqual([]);
  });

  it("says what a 7942's frame says, octet for octet", () => {
    const dialogue = new Dialogue(model('7942'));
    dialogue.at(0, { kind: 'identity', load: 'SCCP42.9-4-2SR3-1S' });
    dialogue.at(0, UP);
    dialogue.at(0.1, answer([available(0, 3, 0, cdp.NO_POWER_PREFERENCE)]));
    const [first, second] = dialogue.sent.map(({ message }) => message);
    const octets = new Uint8Array(cdp.lengthOf(second!));
    cdp.emit(second!, octets);
    // The published frame (133 octets) but for its request identifier, which is chance, and so its checksum.
    const published = Buffer.from(
      '02b4e45c00010013534550303031454637323839433845' +
        '0003000a506f727420310004000800000490000500165343435034322e392d342d325352332d3153' +
        '00060017436973636f2049502050686f6e652037393432000f000820020001000b00050100100006189c' +
        '0019001c096500030000189c00000000000000000000000000000000',
      'hex',
    );
    const id = dialogue.requestId;
    expect(id).toBeGreaterThan(0);
    published.writeUInt16BE(id, published.length - 24);
    published.writeUInt16BE(cdp.checksum(published, 0, published.length), 2);
    expect(Buffer.from(octets).toString('hex')).toBe(published.toString('hex'));
    expect(cdp.find(first!, 'powerRequested')?.managementId).toBe(0);
  });

  it('repeats the query, then gives up and keeps to the steady interval; a late switch is still heard', () => {
    const dialogue = new Dialogue(model('7960'), { 'cdp.bootQueries': 3 });
    expect(dialogue.at(0, UP)).toEqual(['0 send']);
    expect(dialogue.at(59)).toEqual(['1 send', '2 send', '3 silent']);
    expect(dialogue.at(64)).toEqual(['63 send']);
    expect(dialogue.at(70, answer())).toContain('70 voice-vlan 104');
  });

  it.each([
    [[cdp.voipVlanReply(0)], '0.1 voice-vlan 0'],
    [[cdp.voipVlanReply(4095)], '0.1 voice-vlan untagged'],
    [[], '0.1 voice-vlan none'],
    [[{ kind: 'voipVlanReply', appliance: null, vlan: 7 } as const], '0.1 voice-vlan 7'],
    [[cdp.voipVlanReply(5000)], '0.1 voice-vlan none'],
  ])('voice VLAN reply %j', (tlvs, expected) => {
    const dialogue = new Dialogue(model('7960'));
    dialogue.at(0, UP);
    expect(dialogue.at(0.1, answer(tlvs))).toContain(expected);
  });

  it('reports a voice VLAN again only when it is another one', () => {
    const dialogue = new Dialogue(model('7960'));
    dialogue.at(0, UP);
    dialogue.at(0.1, answer());
    expect(dialogue.at(20, answer())).toEqual([]);
    expect(dialogue.at(30, answer([cdp.voipVlanReply(200)]))).toEqual(['30 neighbor SW Fa0/3', '30 voice-vlan 200']);
  });

  it('forgets a neighbour after its hold time, but not the VLAN it named', () => {
    const dialogue = new Dialogue(model('7960'));
    dialogue.at(0, UP);
    dialogue.at(0.5, answer([cdp.voipVlanReply(104)], 'SW', 10));
    expect(dialogue.at(11)).toEqual(['10.5 expired SW']);
    expect(dialogue.machine.neighbor).toBeNull();
    expect(dialogue.at(12, answer())).toEqual(['12 neighbor SW Fa0/3']);
    expect(dialogue.at(13, answer([], 'SW', 0))).toEqual(['13 expired SW']);
  });

  it('begins anew when the link comes back', () => {
    const dialogue = new Dialogue(model('7960'));
    dialogue.at(0, UP);
    dialogue.at(0.5, answer());
    expect(dialogue.at(5, DOWN)).toEqual(['5 expired SW']);
    expect(dialogue.at(100)).toEqual([]);
    expect(dialogue.at(100, UP)).toEqual(['100 send']);
    expect(dialogue.at(100.5, answer())).toContain('100.5 voice-vlan 104');
  });

  it('says at once what changed about itself', () => {
    const dialogue = new Dialogue(model('7960'));
    dialogue.at(0, UP);
    dialogue.at(0.5, answer());
    expect(dialogue.at(3, { kind: 'identity', address: 0x0a000005 })).toEqual(['3 send']);
    expect(cdp.find(dialogue.sent.at(-1)!.message, 'addresses')?.addresses).toEqual([
      { protocol: 'ipv4', address: 0x0a000005 },
    ]);
    expect(dialogue.at(4, { kind: 'identity', address: 0x0a000005 })).toEqual([]);
    expect(dialogue.at(5, { kind: 'link', up: true, fullDuplex: false })).toEqual(['5 send']);
    expect(cdp.find(dialogue.sent.at(-1)!.message, 'duplex')?.full).toBe(false);
  });

  it('tags a copy only on models that do so', () => {
    const dialogue = new Dialogue({ ...model('7960'), cdp: { capabilities: 0x90, taggedToo: false } });
    dialogue.at(0, UP);
    dialogue.at(0.5, answer());
    expect(dialogue.at(0.5, { kind: 'vlan', vlan: 104 })).toEqual([]);
    expect(dialogue.at(61)).toEqual(['60.5 send']);
  });

  it('ignores other telephones on the segment', () => {
    const dialogue = new Dialogue(model('7960'));
    dialogue.at(0, UP);
    expect(dialogue.at(0.5, answer([{ kind: 'voipVlanQuery', value: Uint8Array.of(0x20, 2, 0, 1) }]))).toEqual([]);
  });

  it('keeps to its switch on a shared segment, unless only another one names a voice VLAN', () => {
    const dialogue = new Dialogue(model('7960'));
    dialogue.at(0, UP);
    dialogue.at(0.1, answer([], 'PC'));
    expect(dialogue.at(0.2, answer([], 'OTHER'))).toEqual([]);
    expect(dialogue.at(0.3, answer())).toEqual(['0.3 neighbor SW Fa0/3', '0.3 voice-vlan 104']);
    expect(dialogue.at(0.4, answer([cdp.voipVlanReply(5)], 'OTHER'))).toEqual([]);
  });

  it('warns of a duplex mismatch', () => {
    const dialogue = new Dialogue(model('7960'));
    dialogue.at(0, { kind: 'link', up: true, fullDuplex: false });
    expect(dialogue.at(0.1, answer())).toContain('0.1 duplex-mismatch');
  });

  it('keeps what the switch says about trust for the PC port', () => {
    const dialogue = new Dialogue(model('7960'));
    dialogue.at(0, UP);
    dialogue.at(
      0.1,
      answer([
        { kind: 'trustBitmap', value: 1 },
        { kind: 'untrustedCos', value: 3 },
      ]),
    );
    expect(dialogue.machine.neighbor).toMatchObject({ extendTrust: true, untrustedCos: 3, nativeVlan: 1 });
  });
});

describe('CDP power', () => {
  it('draws the largest requested level that is granted and says so at once', () => {
    const dialogue = new Dialogue(model('7970'));
    dialogue.at(0, UP);
    const id = dialogue.requestId;
    dialogue.at(0.1, answer([available(0, 1, 6_300, cdp.NO_POWER_PREFERENCE)]));
    expect(cdp.find(dialogue.sent.at(-1)!.message, 'powerRequested')).toMatchObject({ requestId: id, managementId: 1 });
    expect(dialogue.at(0.2, answer([available(id, 2, 15_400, cdp.NO_POWER_PREFERENCE)]))).toEqual([
      '0.2 power 15400 draw 10250',
      '0.2 send',
    ]);
    const { message } = dialogue.sent.at(-1)!;
    expect(cdp.numberOf(message, 'powerConsumption')).toBe(10_250);
    expect(cdp.find(message, 'powerRequested')).toMatchObject({ requestId: id, managementId: 2 });
  });

  it('keeps below the management level, and draws nothing more when no level fits', () => {
    const dialogue = new Dialogue(model('7970'));
    dialogue.at(0, UP);
    const id = dialogue.requestId;
    expect(dialogue.at(0.1, answer([available(id, 1, 15_400, 7_000)]))).toContain('0.1 power 15400 draw 6300');
    expect(dialogue.at(0.2, answer([available(id, 2, 4_000, cdp.NO_POWER_PREFERENCE)]))).toEqual([
      '0.2 power 4000 draw null',
    ]);
  });

  it('does not take an answer to somebody else for its own', () => {
    const dialogue = new Dialogue(model('7970'));
    dialogue.at(0, UP);
    const other = dialogue.requestId === 1 ? 2 : 1;
    expect(dialogue.at(0.1, answer([available(other, 1, 15_400, cdp.NO_POWER_PREFERENCE)]))).toContain(
      '0.1 power 15400 draw null',
    );
  });

  it('asks for nothing on its own supply', () => {
    const dialogue = new Dialogue(model('7970'));
    dialogue.at(0, { kind: 'identity', consumptionMilliwatts: 0 });
    dialogue.at(0, UP);
    expect(cdp.find(dialogue.sent[0]!.message, 'powerRequested')).toBeUndefined();
  });
});
