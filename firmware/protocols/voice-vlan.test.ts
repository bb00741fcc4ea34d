import { describe, expect, it } from 'vitest';
import { NEVER, SECOND } from '../../hal/timer.ts';
import { tunableValues } from '../../hal/tunables.ts';
import type { Policy } from '../wire/lldp.ts';
import type { VoiceVlan } from './cdp.ts';
import { type VoiceVlanIn, VoiceVlanMachine, type VoiceVlanOut } from './voice-vlan.ts';

class Dialogue {
  readonly machine: VoiceVlanMachine;

  constructor(overrides: Parameters<typeof tunableValues>[0] = {}) {
    this.machine = new VoiceVlanMachine(tunableValues(overrides));
  }

  at(second: number, input?: VoiceVlanIn): readonly string[] {
    const lines: string[] = [];
    if (input) this.machine.process(second * SECOND, input);
    for (let count = -1; count !== lines.length; ) {
      count = lines.length;
      this.machine.dispatch(second * SECOND, (out) => lines.push(line(out)));
    }
    return lines;
  }
}

function line(out: VoiceVlanOut): string {
  const vlan = out.vlan ?? 'untagged';
  if (out.kind === 'overruled') return `overruled ${out.source} ${vlan}`;
  const lost = out.overruled === undefined ? '' : ` over ${out.overruled.source} ${out.overruled.vlan ?? 'untagged'}`;
  return `${vlan} by ${out.source} ${out.priority}/${out.dscp}${lost}`;
}

const start = (changes: Partial<Extract<VoiceVlanIn, { kind: 'start' }>> = {}): VoiceVlanIn => ({
  kind: 'start',
  adminVlan: null,
  cdpExpected: true,
  lldpExpected: true,
  ...changes,
});
const byCdp = (vlan: VoiceVlan): VoiceVlanIn => ({ kind: 'cdp', vlan });
const byLldp = (vlan: number, changes: Partial<Policy> = {}): VoiceVlanIn => ({
  kind: 'lldp',
  policy: { application: 1, unknown: false, tagged: true, vlan, priority: 6, dscp: 40, ...changes },
});
const silent = (protocol: 'cdp' | 'lldp'): VoiceVlanIn => ({ kind: 'silent', protocol });

describe('voice VLAN', () => {
  it('CDP decides at once under its precedence', () => {
    const dialogue = new Dialogue();
    expect(dialogue.at(0, start())).toEqual([]);
    expect(dialogue.machine.pollAt()).toBe(12 * SECOND);
    expect(dialogue.at(0.1, byCdp(104))).toEqual(['104 by cdp 5/46']);
    expect(dialogue.machine.pollAt()).toBe(NEVER);
  });

  it.each<[VoiceVlan, string]>([
    [0, '0 by cdp 5/46'],
    ['untagged', 'untagged by cdp 0/46'],
  ])('CDP says %s', (vlan, expected) => {
    const dialogue = new Dialogue();
    dialogue.at(0, start());
    expect(dialogue.at(1, byCdp(vlan))).toEqual([expected]);
  });

  it('waits for CDP when only LLDP has answered, then says who lost', () => {
    const dialogue = new Dialogue();
    dialogue.at(0, start());
    expect(dialogue.at(0.1, byLldp(200))).toEqual([]);
    expect(dialogue.at(0.2, byCdp(104))).toEqual(['104 by cdp 5/46 over lldp-med 200']);
  });

  it('says who lost when the loser speaks later', () => {
    const dialogue = new Dialogue();
    dialogue.at(0, start());
    dialogue.at(0.1, byCdp(104));
    expect(dialogue.at(5, byLldp(200))).toEqual(['overruled lldp-med 200']);
    expect(dialogue.at(6, byLldp(200))).toEqual([]);
  });

  it('takes the LLDP policy with its marking when CDP is silent, absent or names none', () => {
    for (const word of [silent('cdp'), byCdp('none')]) {
      const dialogue = new Dialogue();
      dialogue.at(0, start());
      dialogue.at(0.1, byLldp(200));
      expect(dialogue.at(0.2, word)).toEqual(['200 by lldp-med 6/40']);
    }
    const dialogue = new Dialogue();
    dialogue.at(0, start({ cdpExpected: false }));
    expect(dialogue.at(0.1, byLldp(0))).toEqual(['0 by lldp-med 6/40']);
  });

  it('waits for LLDP when CDP names none', () => {
    const dialogue = new Dialogue();
    dialogue.at(0, start());
    expect(dialogue.at(0.1, byCdp('none'))).toEqual([]);
    expect(dialogue.at(3, silent('lldp'))).toEqual(['untagged by none 0/46']);
  });

  it.each<[string, VoiceVlanIn]>([
    ['untagged policy', byLldp(104, { tagged: false })],
    ['reserved VLAN', byLldp(4095)],
    ['unknown policy', byLldp(104, { unknown: true })],
  ])('%s is no VLAN', (_, word) => {
    const dialogue = new Dialogue();
    dialogue.at(0, start({ cdpExpected: false }));
    const [decided] = dialogue.at(1, word);
    expect(decided).toMatch(/^untagged by/);
  });

  it('goes untagged when the wait is over, and earlier when all are known to be silent', () => {
    const late = new Dialogue();
    late.at(0, start());
    late.at(10, silent('cdp'));
    expect(late.at(11.9)).toEqual([]);
    expect(late.at(12)).toEqual(['untagged by none 0/46']);
    const early = new Dialogue();
    early.at(0, start({ lldpExpected: false }));
    expect(early.at(10, silent('cdp'))).toEqual(['untagged by none 0/46']);
    expect(new Dialogue().at(0, start({ cdpExpected: false, lldpExpected: false }))).toEqual(['untagged by none 0/46']);
  });

  it('takes what is there when the wait is over before the preferred protocol spoke', () => {
    const dialogue = new Dialogue();
    dialogue.at(0, start());
    dialogue.at(1, byLldp(200));
    expect(dialogue.at(12)).toEqual(['200 by lldp-med 6/40']);
  });

  it('uses the administrative VLAN only when nobody names one', () => {
    const alone = new Dialogue();
    alone.at(0, start({ adminVlan: 30 }));
    expect(alone.at(12)).toEqual(['30 by admin 5/46']);
    expect(alone.at(40, byCdp(104))).toEqual(['104 by cdp 5/46']);
    const named = new Dialogue();
    named.at(0, start({ adminVlan: 30 }));
    expect(named.at(1, byCdp(104))).toEqual(['104 by cdp 5/46']);
  });

  it('decides again when the network changes its mind, and only then', () => {
    const dialogue = new Dialogue();
    dialogue.at(0, start());
    dialogue.at(0.1, byCdp(104));
    expect(dialogue.at(60, byCdp(104))).toEqual([]);
    expect(dialogue.at(61, silent('cdp'))).toEqual([]);
    expect(dialogue.at(62, byCdp(105))).toEqual(['105 by cdp 5/46']);
  });

  it('keeps or leaves a voice VLAN that the switch drops', () => {
    for (const [choice, expected] of [
      ['keep', []],
      ['leave', ['untagged by none 0/46']],
    ] as const) {
      const dialogue = new Dialogue({ 'vlan.whenDropped': choice });
      dialogue.at(0, start({ lldpExpected: false }));
      dialogue.at(0.1, byCdp(104));
      expect(dialogue.at(60, byCdp('none'))).toEqual(expected);
    }
  });

  it('LLDP first', () => {
    const dialogue = new Dialogue({ 'vlan.precedence': 'lldp' });
    dialogue.at(0, start());
    expect(dialogue.at(0.1, byCdp(104))).toEqual([]);
    expect(dialogue.at(0.2, byLldp(200))).toEqual(['200 by lldp-med 6/40 over cdp 104']);
  });

  it('the last word wins, and a repeated one is none', () => {
    const dialogue = new Dialogue({ 'vlan.precedence': 'last' });
    dialogue.at(0, start());
    expect(dialogue.at(0.1, byLldp(200))).toEqual(['200 by lldp-med 6/40']);
    expect(dialogue.at(0.2, byCdp(104))).toEqual(['104 by cdp 5/46 over lldp-med 200']);
    expect(dialogue.at(0.3, byLldp(201))).toEqual(['201 by lldp-med 6/40 over cdp 104']);
  });

  it('begins anew when the link comes back', () => {
    const dialogue = new Dialogue();
    dialogue.at(0, start());
    dialogue.at(0.1, byCdp(104));
    dialogue.at(5, { kind: 'link', up: false });
    expect(dialogue.machine.pollAt()).toBe(NEVER);
    expect(dialogue.at(6, byCdp(105))).toEqual([]);
    dialogue.at(7, { kind: 'link', up: true });
    expect(dialogue.at(7.1, byCdp(104))).toEqual(['104 by cdp 5/46']);
  });
});
