import { describe, expect, it } from 'vitest';
import * as arp from '../firmware/wire/arp.ts';
import type * as cdp from '../firmware/wire/cdp.ts';
import * as ethernet from '../firmware/wire/ethernet.ts';
import type * as lldp from '../firmware/wire/lldp.ts';
import type { Mac } from '../hal/nic.ts';
import { SECOND } from '../hal/timer.ts';
import { type Cable, createCable } from '../hal/virtual/cable.ts';
import { SeededRng } from '../hal/virtual/rng.ts';
import { VirtualTimeline } from '../hal/virtual/timeline.ts';
import type { WireReceiver } from '../hal/wire-end.ts';
import { DhcpServer } from './dhcp-server.ts';
import type { LabEvent } from './lab-event.ts';
import { LabHost } from './lab-host.ts';
import { RealWireLab, type RealWireOptions, type RealWireOutcome } from './real-wire.ts';
import { emitCdpFrame, emitLldpFrame } from './switch/announcements.ts';
import { Handset } from './testing/handset.ts';

const PHONES = { first: 0x02005e000000, last: 0x02005e0000ff };
const STRANGER: Mac = 0x001122334455;

/** The lab on one end of a cable that stands for the real wire, whatever the test wants on the other. */
function world(options: Partial<RealWireOptions> = {}) {
  const timeline = new VirtualTimeline();
  const cable: Cable = createCable(timeline);
  const outcomes: RealWireOutcome[] = [];
  const conflicts: string[] = [];
  const real = new RealWireLab({
    timeline,
    wire: cable.a,
    macRanges: [PHONES],
    devices: [{ firstMac: PHONES.first, count: 256, model: '7975', deviceType: 437, firstNumber: 2000, lineCount: 1 }],
    outcome: (_now, outcome) => outcomes.push(outcome),
    events: (_now, event) => {
      if (event.type === 'conflict') conflicts.push(`${(event as LabEvent & { kind: string }).kind}`);
    },
    ...options,
  });
  const wait = (seconds: number): boolean => timeline.runUntil(timeline.now() + seconds * SECOND);
  const heard: Uint8Array[] = [];
  const ears: WireReceiver = { frame: (bytes, length) => heard.push(bytes.slice(0, length)), link: () => {} };
  const say = (frame: Uint8Array, length = frame.length): void => cable.b.transmit(frame, length);
  return { timeline, cable, real, outcomes, conflicts, wait, heard, ears, say };
}

const switchCdp = (capabilities: number): cdp.Message => ({
  version: 2,
  ttl: 180,
  tlvs: [
    { kind: 'deviceId', text: 'core-1' },
    { kind: 'portId', text: 'Gi0/1' },
    { kind: 'capabilities', value: capabilities },
  ],
});

const switchLldp = (enabled: number): lldp.Message => ({
  chassisId: { kind: 'mac', mac: STRANGER },
  portId: { kind: 'text', subtype: 5, text: 'Gi0/1' },
  ttl: 120,
  tlvs: [
    { kind: 'systemName', text: 'core-1' },
    { kind: 'systemCapabilities', capabilities: enabled, enabled },
  ],
});

function arpReply(from: Mac, address: number, vlan: number | null): Uint8Array {
  const frame = new Uint8Array(64);
  const tci = vlan === null ? null : ethernet.tciOf(0, vlan);
  const offset = ethernet.emitHeader(0xffff_ffff_ffff, from, tci, ethernet.ETHERTYPE.arp, frame, 0);
  const packet = { senderHardware: from, senderProtocol: address, targetHardware: 0, targetProtocol: address };
  arp.emit({ operation: arp.OPERATION.reply, ...packet }, frame, offset);
  return frame;
}

describe('the lab on a real wire', () => {
  it('only asks while it listens, then serves its own phones', () => {
    const { timeline, cable, real, outcomes, wait } = world();
    const phone = new Handset({ timeline, wire: cable.b, mac: PHONES.first + 5, vlan: 100 });
    real.start();
    phone.boot();
    wait(2.9);
    expect(outcomes).toEqual([]);
    expect(phone.lease).toBeNull();
    wait(0.2);
    expect(outcomes).toEqual([{ state: 'serving' }]);
    phone.boot();
    wait(2);
    expect(phone.registered).toBe(true);
    expect(real.counters.foreign).toBe(0);
  });

  it('asks for a DHCP server and for each of its addresses in both VLANs, three times, and says nothing else', () => {
    const { cable, real, heard, ears, wait } = world();
    cable.b.attach(ears);
    real.start();
    wait(2.9);
    const kinds = heard.map((frame) => {
      const tagged = frame[12] === 0x81;
      return `${tagged ? frame[15] : '-'} ${frame[tagged ? 17 : 13] === 0x06 ? 'arp' : 'ip'}`;
    });
    const count = (kind: string): number => kinds.filter((each) => each === kind).length;
    // Gateway in the data VLAN; gateway, DNS, TFTP and two call managers in the voice VLAN.
    expect([count('- arp'), count('100 arp'), count('- ip'), count('100 ip')]).toEqual([3, 15, 3, 3]);
    expect(kinds).toHaveLength(24);
  });

  it('does not answer a stranger, unless told to answer everybody', () => {
    for (const serveAny of [false, true]) {
      const { timeline, cable, real, wait } = world({ serveAny });
      const stranger = new Handset({ timeline, wire: cable.b, mac: STRANGER, vlan: 100 });
      real.start();
      wait(4);
      stranger.acquire();
      wait(2);
      expect(stranger.lease !== null).toBe(serveAny);
      expect(real.counters.foreign > 0).toBe(!serveAny);
    }
  });

  it('refuses beside another DHCP server', () => {
    const { timeline, cable, real, outcomes, wait } = world();
    const address = 0xc0a80001;
    const host = new LabHost({
      timeline,
      rng: new SeededRng(1),
      wire: cable.b,
      mac: STRANGER,
      address,
      prefixLength: 24,
    });
    const other = new DhcpServer({ timeline });
    other.addPool({ network: address, prefixLength: 24, first: address + 1, last: address + 9, leaseSeconds: 60 });
    other.serve(host, address);
    other.start();
    real.start();
    wait(1);
    expect(outcomes).toEqual([
      { state: 'refused', conflicts: [{ kind: 'dhcp-server', detail: '192.168.0.1 at 00:11:22:33:44:55' }] },
    ]);
    expect(real.state).toBe('refused');
  });

  it('refuses where an address of its own is taken', () => {
    const { real, outcomes, say, wait } = world();
    real.start();
    say(arpReply(STRANGER, 0x0a64000b, 100));
    wait(1);
    expect(outcomes).toMatchObject([
      { state: 'refused', conflicts: [{ kind: 'address-in-use', detail: '00:11:22:33:44:55 has 10.100.0.11' }] },
    ]);
  });

  it.each([
    ['CDP', (frame: Uint8Array) => emitCdpFrame(STRANGER, switchCdp(0x28), frame), 'core-1 by CDP, Gi0/1'],
    ['LLDP', (frame: Uint8Array) => emitLldpFrame(STRANGER, switchLldp(0x14), frame), 'core-1 by LLDP'],
  ])('refuses beside another switch that it hears by %s, also later', (_name, emit, detail) => {
    const { real, outcomes, say, wait, cable, ears, heard } = world();
    cable.b.attach(ears);
    real.start();
    wait(100);
    expect(outcomes).toEqual([{ state: 'serving' }]);
    const frame = new Uint8Array(1518);
    say(frame, emit(frame));
    wait(1);
    expect(outcomes[1]).toEqual({ state: 'refused', conflicts: [{ kind: 'switch', detail }] });
    heard.length = 0;
    wait(1000);
    expect(heard).toEqual([]);
  });

  it('does not take a telephone with a PC port for a switch', () => {
    const { real, outcomes, say, wait } = world();
    real.start();
    const frame = new Uint8Array(1518);
    say(frame, emitCdpFrame(PHONES.first, switchCdp(0x490), frame));
    say(frame, emitLldpFrame(PHONES.first, switchLldp(0x24), frame));
    wait(5);
    expect(outcomes).toEqual([{ state: 'serving' }]);
  });

  it('serves beside others when told to, and says who they are, once each', () => {
    const { real, outcomes, conflicts, say, wait } = world({ besideOthers: true });
    real.start();
    for (let times = 0; times < 3; times += 1) say(arpReply(STRANGER, 0x0a64000b, 100));
    wait(5);
    expect(outcomes).toEqual([{ state: 'serving' }]);
    expect(conflicts).toEqual(['address-in-use']);
  });

  it('asks again every five minutes', () => {
    const { real, wait, heard, ears, cable } = world({ ports: { cdp: false, lldp: false } });
    cable.b.attach(ears);
    real.start();
    wait(4);
    heard.length = 0;
    wait(298);
    expect(heard).toEqual([]);
    wait(2);
    expect(heard).toHaveLength(8);
  });

  it('waits for the link before it asks', () => {
    const { real, outcomes, cable, wait } = world();
    cable.unplug();
    real.start();
    wait(100);
    expect(outcomes).toEqual([]);
    cable.plug();
    wait(4);
    expect(outcomes).toEqual([{ state: 'serving' }]);
  });

  it('tells another lab that it is there, which then refuses', () => {
    const timeline = new VirtualTimeline();
    const cable = createCable(timeline);
    const outcomes: [number, RealWireOutcome][] = [];
    const start = (seed: number, wire: typeof cable.a): void => {
      const options = { timeline, seed, wire, macRanges: [PHONES] };
      new RealWireLab({ ...options, outcome: (_now, outcome) => outcomes.push([seed, outcome]) }).start();
    };
    start(1, cable.a);
    timeline.runUntil(100 * SECOND);
    start(2, cable.b);
    timeline.runUntil(1000 * SECOND);
    expect(outcomes).toMatchObject([
      [1, { state: 'serving' }],
      [2, { state: 'refused' }],
    ]);
  });

  it('is silent after stop', () => {
    const { real, cable, ears, heard, wait } = world();
    cable.b.attach(ears);
    real.start();
    wait(10);
    real.stop();
    wait(0.001);
    heard.length = 0;
    wait(1000);
    expect(heard).toEqual([]);
    expect(real.state).toBe('stopped');
  });
});
