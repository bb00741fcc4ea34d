import { describe, expect, it } from 'vitest';
import { modelNamed } from '../../device/models.ts';
import type { Board } from '../../hal/board.ts';
import { NEVER, SECOND } from '../../hal/timer.ts';
import { tunableValues } from '../../hal/tunables.ts';
import { isMalformed } from '../malformed.ts';
import * as lldp from '../wire/lldp.ts';
import { type LldpIn, LldpMachine, type LldpOut } from './lldp.ts';

/** The 7971 and the 7945 whose frames are published. */
const BOARD_7971: Board = {
  model: modelNamed('7971')!,
  mac: 0x001ef7289c8e,
  serial: 'FCH12028WCZ',
  hardwareRevision: '3',
  deviceName: 'SEP001EF7289C8E',
};

class Dialogue {
  readonly machine: LldpMachine;
  readonly sent: Uint8Array[] = [];
  #lines: string[] = [];

  constructor(board = BOARD_7971, overrides: Parameters<typeof tunableValues>[0] = {}) {
    this.machine = new LldpMachine(board, tunableValues(overrides));
  }

  at(second: number, input?: LldpIn): readonly string[] {
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
        if (out.kind === 'send') this.sent.push(out.octets);
      });
    }
  }

  last(): lldp.Message {
    const message = lldp.parse(this.sent.at(-1)!);
    if (isMalformed(message)) throw new Error(message.reason);
    return message;
  }
}

function line(out: LldpOut): string {
  switch (out.kind) {
    case 'neighbor':
      return `neighbor ${out.neighbor.device}`;
    case 'policy':
      return `policy ${out.application} ${out.policy === null ? 'none' : `${out.policy.vlan}/${out.policy.priority}/${out.policy.dscp}`}`;
    case 'power':
      return `power ${out.availableMilliwatts} ${out.via}`;
    case 'expired':
      return `expired ${out.device}`;
    default:
      return out.kind;
  }
}

const UP: LldpIn = { kind: 'link', up: true, fullDuplex: true };
const DOWN: LldpIn = { kind: 'link', up: false, fullDuplex: false };
const MED: lldp.Tlv = { kind: 'medCapabilities', capabilities: 0x0f, deviceType: lldp.MED_CLASS.networkConnectivity };

function policy(application: number, vlan: number, changes: Partial<lldp.Policy> = {}): lldp.Tlv {
  return { kind: 'medPolicy', application, unknown: false, tagged: true, vlan, priority: 5, dscp: 46, ...changes };
}

function heard(tlvs: readonly lldp.Tlv[], ttl = 120, name = 'SW'): LldpIn {
  const message: lldp.Message = {
    chassisId: { kind: 'mac', mac: 0x02aabbccddee },
    portId: { kind: 'text', subtype: lldp.LOCALLY_ASSIGNED, text: 'Gi1/0/1' },
    ttl,
    tlvs: [{ kind: 'systemName', text: name }, ...tlvs],
  };
  return { kind: 'received', message };
}

describe('LLDP machine', () => {
  it('sends three frames in a row, then one every half minute, the same octets', () => {
    const dialogue = new Dialogue(BOARD_7971, { 'lldp.bootWait': 120 });
    expect(dialogue.machine.pollAt()).toBe(NEVER);
    expect(dialogue.at(1, UP)).toEqual(['1 send']);
    expect(dialogue.at(64)).toEqual(['2 send', '3 send', '33 send', '63 send']);
    expect(dialogue.sent[4]).toBe(dialogue.sent[0]);
  });

  it("says what a 7971's frame says", () => {
    const dialogue = new Dialogue(BOARD_7971, { 'lldp.chassisId': 'mac' });
    dialogue.at(0, { kind: 'identity', load: 'SCCP70.8-3-3SR2S', domain: 'cisco.com' });
    dialogue.at(0, UP);
    // The published frame without its system description, which voiphopper leaves out.
    const published =
      '0207 04 001ef7289c8e 0410 07 3030314546373238394338453a5031 0602 0078 0807 535720504f5254' +
      '0a19 5345503030314546373238394338452e636973636f2e636f6d 0e04 0024 0024 fe09 00120f 01 03 8036 001e' +
      'fe07 0012bb 01 0033 03 fe08 0012bb 02 01 800120 fe08 0012bb 02 02 800120 fe07 0012bb 04 50 0095' +
      'fe05 0012bb 05 33 fe18 0012bb 06 373937315f3032303730365f636572742e62696e' +
      'fe14 0012bb 07 5343435037302e382d332d3353523253' +
      'fe0f 0012bb 08 464348313230323857435a fe17 0012bb 09 436973636f2053797374656d732c20496e632e' +
      'fe0f 0012bb 0a 43502d37393731472d4745 fe04 0012bb 0b 0000';
    const { tlvs, ...head } = dialogue.last();
    const description = tlvs.find((tlv) => tlv.kind === 'systemDescription');
    expect(description).toEqual({
      kind: 'systemDescription',
      text: 'Cisco IP Phone 7971G-GE,V3, SCCP70.8-3-3SR2S',
    });
    const message = { ...head, tlvs: tlvs.filter((tlv) => tlv !== description) };
    const octets = new Uint8Array(lldp.lengthOf(message));
    lldp.emit(message, octets);
    expect(Buffer.from(octets).toString('hex')).toBe(published.replace(/\s/g, ''));
  });

  it('takes the policy of a MED switch, starts fast again and announces what is used', () => {
    const dialogue = new Dialogue();
    dialogue.at(0, UP);
    const tlvs = [MED, policy(1, 104), policy(2, 104, { priority: 3, dscp: 24 })];
    expect(dialogue.at(0.2, heard(tlvs))).toEqual([
      '0.2 neighbor SW',
      '0.2 policy 1 104/5/46',
      '0.2 policy 2 104/3/24',
    ]);
    expect(dialogue.at(0.2, { kind: 'vlan', vlan: 104, priority: 5, dscp: 46 })).toEqual([]);
    expect(dialogue.at(30)).toEqual(['1 send', '2 send', '3 send']);
    expect(lldp.policyOf(dialogue.last(), 1)).toMatchObject({ tagged: true, vlan: 104, priority: 5, dscp: 46 });
    expect(lldp.policyOf(dialogue.last(), 2)).toMatchObject({ tagged: true, vlan: 104, priority: 3, dscp: 24 });
    expect(dialogue.at(31, heard(tlvs))).toEqual([]);
    expect(dialogue.at(32, heard([MED, policy(1, 200)]))).toEqual([
      '32 neighbor SW',
      '32 policy 1 200/5/46',
      '32 policy 2 none',
      '32 send',
    ]);
  });

  it('announces the published signalling policy where no switch gave one', () => {
    const dialogue = new Dialogue();
    dialogue.at(0, { kind: 'vlan', vlan: 104, priority: 5, dscp: 46 });
    dialogue.at(0, UP);
    const octets = Buffer.from(dialogue.sent[0]!).toString('hex');
    expect(octets).toContain('0012bb020140d16e');
    expect(octets).toContain('0012bb020240d120');
  });

  it('a policy with the unknown flag is none, and so is one of an endpoint', () => {
    const dialogue = new Dialogue();
    dialogue.at(0, UP);
    expect(dialogue.at(0.2, heard([MED, policy(1, 104, { unknown: true })]))).toEqual(['0.2 neighbor SW']);
    const endpoint: lldp.Tlv = { kind: 'medCapabilities', capabilities: 3, deviceType: lldp.MED_CLASS.endpoint1 };
    expect(dialogue.at(0.4, heard([endpoint, policy(1, 104)]))).toEqual(['0.4 neighbor SW']);
  });

  it('is silent when nobody spoke', () => {
    const dialogue = new Dialogue(BOARD_7971, { 'lldp.bootWait': 10 });
    dialogue.at(0, UP);
    expect(dialogue.at(31)).toEqual(['1 send', '2 send', '10 silent']);
  });

  it('gives a plain neighbour until the fast start is over to show a policy', () => {
    const dialogue = new Dialogue();
    dialogue.at(0, UP);
    expect(dialogue.at(0.5, heard([]))).toEqual(['0.5 neighbor SW']);
    expect(dialogue.at(10)).toEqual(['1 send', '2 send', '3 silent']);
    const other = new Dialogue();
    other.at(0, UP);
    other.at(0.5, heard([]));
    expect(other.at(1.5, heard([MED, policy(1, 104)]))).toContain('1.5 policy 1 104/5/46');
    expect(other.at(20)).not.toContain('3 silent');
  });

  it('forgets a neighbour after its time to live, and when it says good-bye', () => {
    const dialogue = new Dialogue();
    dialogue.at(0, UP);
    dialogue.at(0.5, heard([MED, policy(1, 104)], 20));
    expect(dialogue.at(21)).toContain('20.5 expired SW');
    dialogue.at(22, heard([MED, policy(1, 104)], 20));
    expect(dialogue.at(23, heard([], 0))).toContain('23 expired SW');
  });

  it('says good-bye once and stays silent until the link was down', () => {
    const dialogue = new Dialogue();
    dialogue.at(0, { kind: 'identity', address: 0x0a016814 });
    dialogue.at(0, UP);
    expect(dialogue.at(0.5, { kind: 'shutdown' })).toEqual(['0.5 send']);
    expect(dialogue.last()).toEqual({
      chassisId: { kind: 'ipv4', address: 0x0a016814 },
      portId: { kind: 'text', subtype: 7, text: '001EF7289C8E:P1' },
      ttl: 0,
      tlvs: [],
    });
    expect(dialogue.at(100, { kind: 'shutdown' })).toEqual([]);
    dialogue.at(101, DOWN);
    expect(dialogue.at(102, UP)).toEqual(['102 send']);
  });

  it('sends anew when its address is known', () => {
    const dialogue = new Dialogue();
    dialogue.at(0, UP);
    dialogue.at(5);
    expect(dialogue.at(5, { kind: 'identity', address: 0x0a016814 })).toEqual(['5 send']);
    expect(lldp.managementIpv4(dialogue.last())).toBe(0x0a016814);
    expect(dialogue.last().chassisId).toEqual({ kind: 'ipv4', address: 0x0a016814 });
  });

  it('reports what the switch allows, and mirrors an 802.3 allocation', () => {
    const dialogue = new Dialogue({ ...BOARD_7971, model: modelNamed('8861')! });
    dialogue.at(0, UP);
    expect(lldp.find(dialogue.last(), 'powerViaMdi')?.classification?.allocated).toBe(130);
    const pse: lldp.Tlv = {
      kind: 'powerViaMdi',
      support: 7,
      pair: 1,
      powerClass: 5,
      classification: { type: 0, source: 1, priority: 3, requested: 200, allocated: 200 },
      rest: new Uint8Array(0),
    };
    const med: lldp.Tlv = { kind: 'medPower', type: 0, source: 1, priority: 3, tenths: 154 };
    expect(dialogue.at(5, heard([MED, med, pse]))).toEqual([
      '1 send',
      '2 send',
      '5 neighbor SW',
      '5 power 15400 med',
      '5 power 20000 802.3',
      '5 send',
    ]);
    expect(lldp.find(dialogue.last(), 'powerViaMdi')?.classification?.allocated).toBe(200);
  });

  it('ignores other telephones', () => {
    const dialogue = new Dialogue();
    dialogue.at(0, UP);
    const phone: lldp.Tlv = { kind: 'systemCapabilities', capabilities: 0x24, enabled: 0x24 };
    expect(dialogue.at(0.5, heard([phone, MED, policy(1, 5)]))).toEqual([]);
  });

  it('a model that speaks CDP only says and hears nothing', () => {
    const dialogue = new Dialogue({ ...BOARD_7971, model: modelNamed('7960')! });
    expect(dialogue.at(0, UP)).toEqual([]);
    expect(dialogue.at(1, heard([MED, policy(1, 104)]))).toEqual([]);
    expect(dialogue.machine.pollAt()).toBe(NEVER);
  });
});
