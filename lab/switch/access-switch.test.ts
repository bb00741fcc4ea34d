import { describe, expect, it } from 'vitest';
import { isMalformed } from '../../firmware/malformed.ts';
import * as cdp from '../../firmware/wire/cdp.ts';
import * as dhcp from '../../firmware/wire/dhcp.ts';
import * as lldp from '../../firmware/wire/lldp.ts';
import { putMac, putU16, putU32 } from '../../firmware/wire/octets.ts';
import type { LinkState, Mac } from '../../hal/nic.ts';
import { type Instant, MILLISECOND, SECOND } from '../../hal/timer.ts';
import { type Cable, createCable } from '../../hal/virtual/cable.ts';
import { VirtualTimeline } from '../../hal/virtual/timeline.ts';
import type { LabEvent } from '../lab-event.ts';
import { AccessSwitch, type AccessSwitchOptions } from './access-switch.ts';
import { cdpPayload, emitCdpFrame, emitLldpFrame, lldpPayload } from './announcements.ts';
import { PHONE_PORT, type PortOptions, serverPort } from './port-options.ts';
import type { SwitchPort } from './switch-port.ts';

const SWITCH_MAC = 0x02005e0000fe;
const BROADCAST = 0xffff_ffff_ffff;

interface Heard {
  readonly at: Instant;
  readonly frame: Uint8Array;
}

/** Something plugged into a port: sends what it is told to and keeps what it hears. */
class Plug {
  readonly cable: Cable;
  readonly port: SwitchPort;
  readonly mac: Mac;
  heard: Heard[] = [];
  link: LinkState | null = null;
  readonly #timeline: VirtualTimeline;

  constructor(timeline: VirtualTimeline, at: AccessSwitch, mac: Mac, options?: PortOptions) {
    this.#timeline = timeline;
    this.mac = mac;
    this.cable = createCable(timeline);
    this.port = at.connect(this.cable.a, options);
    this.cable.b.attach({
      frame: (bytes, length) => this.heard.push({ at: timeline.now(), frame: bytes.slice(0, length) }),
      link: (state) => {
        this.link = state;
      },
    });
  }

  transmit(frame: Uint8Array): void {
    this.cable.b.transmit(frame, frame.length);
    this.#timeline.runUntil(this.#timeline.now() + MILLISECOND);
  }

  /** An IPv4-typed frame with a mark in it. */
  say(destination: Mac, vlan: number | null, mark: number, priority = 0): void {
    this.transmit(dataFrame(destination, this.mac, vlan, mark, priority));
  }

  sayCdp(message: cdp.Message): void {
    const frame = new Uint8Array(1518);
    const length = emitCdpFrame(this.mac, message, frame);
    this.transmit(frame.subarray(0, length));
  }

  sayLldp(message: lldp.Message): void {
    const frame = new Uint8Array(1518);
    const length = emitLldpFrame(this.mac, message, frame);
    this.transmit(frame.subarray(0, length));
  }

  /** Data frames heard since the last call: tag control information (null without) and mark. */
  take(): [number | null, number][] {
    const taken = this.heard.map(({ frame }): [number | null, number] => {
      const tagged = frame[12] === 0x81;
      return [tagged ? (frame[14]! << 8) | frame[15]! : null, frame[tagged ? 18 : 14]!];
    });
    this.heard = [];
    return taken;
  }

  cdps(): { at: Instant; message: cdp.Message }[] {
    return this.heard.flatMap(({ at, frame }) => {
      const payload = cdpPayload(frame, frame.length);
      if (payload === null) return [];
      const message = cdp.parse(frame, payload.offset, payload.length);
      if (isMalformed(message)) throw new Error(message.reason);
      return [{ at, message }];
    });
  }

  lldps(): { at: Instant; message: lldp.Message }[] {
    return this.heard.flatMap(({ at, frame }) => {
      const payload = lldpPayload(frame, frame.length);
      if (payload === null) return [];
      const message = lldp.parse(frame, payload.offset, payload.length);
      if (isMalformed(message)) throw new Error(message.reason);
      return [{ at, message }];
    });
  }
}

function dataFrame(to: Mac, from: Mac, vlan: number | null, mark: number, priority = 0): Uint8Array {
  const frame = new Uint8Array(vlan === null ? 60 : 64);
  putMac(frame, 0, to);
  putMac(frame, 6, from);
  if (vlan !== null) {
    putU16(frame, 12, 0x8100);
    putU16(frame, 14, (priority << 13) | vlan);
  }
  putU16(frame, vlan === null ? 12 : 16, 0x88b5);
  frame[vlan === null ? 14 : 18] = mark;
  return frame;
}

/** What a 7942 says by CDP before it has an address. */
function phoneCdp(changes: readonly cdp.Tlv[] = []): cdp.Message {
  return {
    version: 2,
    ttl: 180,
    tlvs: [
      { kind: 'deviceId', text: 'SEP001EF7289C8E' },
      { kind: 'portId', text: 'Port 1' },
      { kind: 'capabilities', value: 0x490 },
      { kind: 'platform', text: 'Cisco IP Phone 7942' },
      { kind: 'voipVlanQuery', value: Uint8Array.from(cdp.VOIP_VLAN_QUERY) },
      { kind: 'duplex', full: true },
      { kind: 'powerConsumption', value: 6300 },
      ...changes,
    ],
  };
}

function phoneLldp(med: boolean): lldp.Message {
  return {
    chassisId: { kind: 'ipv4', address: 0 },
    portId: { kind: 'text', subtype: 7, text: '001EF7289C8E:P1' },
    ttl: 120,
    tlvs: [
      { kind: 'systemName', text: 'SEP001EF7289C8E' },
      ...(med
        ? [
            { kind: 'medCapabilities', capabilities: 0x33, deviceType: 3 } as const,
            { kind: 'medPower', type: 1, source: 0, priority: 3, tenths: 120 } as const,
          ]
        : []),
    ],
  };
}

function world(options: Partial<AccessSwitchOptions> = {}) {
  const timeline = new VirtualTimeline();
  const events: LabEvent[] = [];
  const at = new AccessSwitch({
    timeline,
    mac: SWITCH_MAC,
    name: 'closet-3',
    managementAddress: 0x0a0100fe,
    events: (_at, event) => events.push(event),
    ...options,
  });
  let nextMac = 0x02005e000001;
  const plug = (port?: PortOptions): Plug => new Plug(timeline, at, nextMac++, port);
  const wait = (seconds: number): boolean => timeline.runUntil(timeline.now() + seconds * SECOND);
  return { timeline, at, events, plug, wait };
}

const QUIET: PortOptions = { ...PHONE_PORT, cdp: false, lldp: false };

describe('an access switch forwards', () => {
  it('within a VLAN only, tagging and untagging by port', () => {
    const { plug } = world();
    const phone = plug(QUIET);
    const other = plug(QUIET);
    const voice = plug(serverPort(100));
    const data = plug(serverPort(1));
    phone.say(BROADCAST, 100, 1, 3);
    expect(other.take()).toEqual([[(3 << 13) | 100, 1]]);
    expect(voice.take()).toEqual([[null, 1]]);
    expect(data.take()).toEqual([]);
    phone.say(BROADCAST, null, 2);
    expect(other.take()).toEqual([[null, 2]]);
    expect(voice.take()).toEqual([]);
    expect(data.take()).toEqual([[null, 2]]);
    expect(phone.take()).toEqual([]);
  });

  it('to the one port where the destination was heard', () => {
    const { plug, at } = world();
    const phone = plug(QUIET);
    const other = plug(QUIET);
    const server = plug(serverPort(100));
    server.say(phone.mac, null, 1);
    expect(phone.take()).toEqual([[100, 1]]);
    expect(other.take()).toEqual([[100, 1]]);
    phone.say(server.mac, 100, 2);
    server.take();
    server.say(phone.mac, null, 3);
    expect(phone.take()).toEqual([[100, 3]]);
    expect(other.take()).toEqual([]);
    expect(at.counters.forwarded).toBe(2);
  });

  it('never out of the port a frame came in by', () => {
    const { plug, at } = world();
    const phone = plug(QUIET);
    phone.say(BROADCAST, 100, 1);
    phone.say(phone.mac, 100, 2);
    expect(phone.take()).toEqual([]);
    expect(at.counters.dropped).toBe(1);
  });

  it('frames tagged for priority as the native VLAN’s, and none of a foreign VLAN', () => {
    const { plug, at } = world();
    const phone = plug({ ...QUIET, voiceVlan: 'dot1p' });
    const data = plug(serverPort(1));
    phone.say(BROADCAST, 0, 1, 5);
    expect(data.take()).toEqual([[null, 1]]);
    phone.say(BROADCAST, 100, 2);
    phone.say(BROADCAST, 4095, 3);
    expect(data.take()).toEqual([]);
    expect(at.counters.wrongVlan).toBe(2);
  });

  it('every VLAN over a trunk, the native one without a tag', () => {
    const { plug } = world();
    const phone = plug(QUIET);
    const trunk = plug({ ...QUIET, mode: 'trunk', voiceVlan: 'none' });
    phone.say(BROADCAST, 100, 1, 5);
    phone.say(BROADCAST, null, 2);
    expect(trunk.take()).toEqual([
      [(5 << 13) | 100, 1],
      [null, 2],
    ]);
    trunk.say(BROADCAST, 100, 3);
    trunk.say(BROADCAST, 200, 4);
    expect(phone.take()).toEqual([[100, 3]]);
  });

  it('nothing that no bridge forwards, and CDP only where it knows nothing of it', () => {
    const { plug } = world();
    const cisco = plug();
    const plain = plug({ ...QUIET, vendor: 'plain' });
    const other = plug({ ...QUIET, vendor: 'plain' });
    for (let low = 0; low <= 0x0f; low += 1) plain.say(0x0180c2000000 + low, null, low);
    expect(other.take()).toEqual([]);
    plain.sayCdp(phoneCdp());
    expect(other.cdps()).toHaveLength(1);
    other.take();
    cisco.sayCdp(phoneCdp());
    expect(other.take()).toEqual([]);
  });

  it('forgets stations after 300 s, and at once when their link goes down', () => {
    const { plug, wait } = world();
    const phone = plug(QUIET);
    const other = plug(QUIET);
    const server = plug(serverPort(100));
    phone.say(BROADCAST, 100, 1);
    wait(299);
    other.take();
    server.say(phone.mac, null, 2);
    expect(other.take()).toEqual([]);
    wait(301);
    server.say(phone.mac, null, 3);
    expect(other.take()).toEqual([[100, 3]]);
    phone.say(BROADCAST, 100, 4);
    other.take();
    phone.cable.unplug();
    phone.cable.plug();
    server.say(phone.mac, null, 5);
    expect(other.take()).toEqual([[100, 5]]);
  });

  it('goes on without learning when its table is full, and learns again when that has aged', () => {
    const { plug, at, wait } = world({ macTableSize: 2 });
    const [a, b, c] = [plug(QUIET), plug(QUIET), plug(QUIET)];
    for (const each of [a, b, c]) each.say(BROADCAST, 100, 1);
    expect(at.macTable.size).toBe(2);
    expect(at.macTable.overflows).toBe(1);
    wait(301);
    c.say(BROADCAST, 100, 2);
    a.take();
    b.say(c.mac, 100, 3);
    expect(a.take()).toEqual([]);
    expect(c.heard.length).toBeGreaterThan(0);
  });

  it('nothing between protected ports, and everything between them and servers', () => {
    const { plug, at } = world();
    const isolated: PortOptions = { ...QUIET, protected: true };
    const phones = [plug(isolated), plug(isolated)] as const;
    const server = plug(serverPort(100));
    phones[0].say(BROADCAST, 100, 1);
    expect(phones[1].take()).toEqual([]);
    expect(server.take()).toEqual([[null, 1]]);
    phones[1].say(phones[0].mac, 100, 2);
    expect(phones[0].take()).toEqual([]);
    server.say(BROADCAST, null, 3);
    expect(phones.map((phone) => phone.take())).toEqual([[[100, 3]], [[100, 3]]]);
    at.configure(phones[1].port, { protected: false });
    phones[0].say(BROADCAST, 100, 4);
    expect(phones[1].take()).toEqual([[100, 4]]);
  });
});

describe('snooping', () => {
  const arp = (from: Mac, sender: number, target: number): Uint8Array => {
    const frame = new Uint8Array(60);
    putMac(frame, 0, BROADCAST);
    putMac(frame, 6, from);
    putU16(frame, 12, 0x0806);
    putU16(frame, 20, 1);
    putMac(frame, 22, from);
    putU32(frame, 28, sender);
    putU32(frame, 38, target);
    return frame;
  };

  const dhcpReply = (from: Mac, client: Mac): Uint8Array => {
    const message: dhcp.Message = {
      op: dhcp.BOOTREPLY,
      hops: 0,
      xid: 1,
      secs: 0,
      flags: 0x8000,
      ciaddr: 0,
      yiaddr: 0,
      siaddr: 0,
      giaddr: 0,
      chaddr: client,
      sname: '',
      file: '',
      options: { messageType: dhcp.OFFER },
    };
    const frame = new Uint8Array(42 + dhcp.lengthOf(message));
    putMac(frame, 0, BROADCAST);
    putMac(frame, 6, from);
    putU16(frame, 12, 0x0800);
    frame[14] = 0x45;
    frame[23] = 17;
    putU16(frame, 34, 67);
    putU16(frame, 36, 68);
    dhcp.emit(message, frame, 42);
    return frame;
  };

  it('sends a server’s ARP request and DHCP reply to the phone they concern, and floods the rest', () => {
    const { plug, at } = world({ snooping: true });
    const isolated: PortOptions = { ...QUIET, nativeVlan: 100, voiceVlan: 'none', protected: true };
    const phones = [plug(isolated), plug(isolated), plug(isolated)] as const;
    const server = plug(serverPort(100));
    for (const [index, phone] of phones.entries()) phone.transmit(arp(phone.mac, 0x0a640100 + index, 0x0a640001));
    server.heard = [];
    const hearing = (): boolean[] => phones.map((phone) => phone.take().length > 0);
    server.transmit(arp(server.mac, 0x0a640001, 0x0a640101));
    expect(hearing()).toEqual([false, true, false]);
    server.transmit(dhcpReply(server.mac, phones[2].mac));
    expect(hearing()).toEqual([false, false, true]);
    server.transmit(arp(server.mac, 0x0a640001, 0x0a640199));
    expect(hearing()).toEqual([true, true, true]);
    server.transmit(arp(server.mac, 0x0a640001, 0x0a640001));
    expect(hearing()).toEqual([true, true, true]);
    expect(at.counters.directed).toBe(2);
  });

  it('keeps a fleet’s broadcasts from becoming N times N', () => {
    const { plug, at } = world({ snooping: true });
    const isolated: PortOptions = { ...QUIET, protected: true };
    const phones = Array.from({ length: 300 }, () => plug(isolated));
    plug(serverPort(100));
    for (const phone of phones) phone.say(BROADCAST, 100, 1);
    expect(at.counters.flooded).toBe(300);
  });
});

describe('CDP', () => {
  it('answers a new neighbor at once with what a phone needs', () => {
    const { plug, events } = world();
    const phone = plug();
    phone.sayCdp(phoneCdp([{ kind: 'powerRequested', requestId: 2405, managementId: 0, levels: [6300, 0, 0, 0, 0] }]));
    const [answer, ...more] = phone.cdps();
    expect(more).toEqual([]);
    expect(answer!.at).toBeLessThan(MILLISECOND);
    const { message } = answer!;
    expect(message.ttl).toBe(180);
    expect(cdp.textOf(message, 'deviceId')).toBe('closet-3');
    expect(cdp.textOf(message, 'portId')).toBe('GigabitEthernet1/0/1');
    expect(cdp.find(message, 'nativeVlan')).toMatchObject({ value: 1 });
    expect(cdp.find(message, 'voipVlanReply')).toEqual({ kind: 'voipVlanReply', appliance: 1, vlan: 100 });
    expect(cdp.find(message, 'duplex')).toMatchObject({ full: true });
    expect(cdp.find(message, 'trustBitmap')).toMatchObject({ value: 0 });
    expect(cdp.find(message, 'untrustedCos')).toMatchObject({ value: 0 });
    expect(cdp.find(message, 'powerAvailable')).toMatchObject({ requestId: 2405, levels: [6300, 0xffffffff] });
    expect(events).toContainEqual({
      type: 'switch.neighbor',
      port: 'GigabitEthernet1/0/1',
      device: 'SEP001EF7289C8E',
      via: 'cdp',
      platform: 'Cisco IP Phone 7942',
    });
  });

  it.each([
    [100, 100],
    ['dot1p', 0],
    ['untagged', 4095],
    ['none', undefined],
  ] as const)('says voice VLAN %s as %s', (voiceVlan, said) => {
    const { plug } = world();
    const phone = plug({ ...PHONE_PORT, voiceVlan });
    phone.sayCdp(phoneCdp());
    expect(cdp.find(phone.cdps()[0]!.message, 'voipVlanReply')?.vlan).toBe(said);
  });

  it('speaks every 60 s, answers change and impatience, and is otherwise silent', () => {
    const { plug, wait } = world();
    const phone = plug({ ...PHONE_PORT, lldp: false });
    phone.sayCdp(phoneCdp());
    phone.sayCdp(phoneCdp());
    expect(phone.cdps()).toHaveLength(1);
    wait(1);
    phone.sayCdp(phoneCdp());
    expect(phone.cdps()).toHaveLength(2);
    wait(1);
    phone.sayCdp(phoneCdp([{ kind: 'addresses', addresses: [{ protocol: 'ipv4', address: 0x0a640100 }] }]));
    expect(phone.cdps()).toHaveLength(3);
    wait(30);
    phone.sayCdp(phoneCdp([{ kind: 'addresses', addresses: [{ protocol: 'ipv4', address: 0x0a640100 }] }]));
    expect(phone.cdps()).toHaveLength(3);
    phone.heard = [];
    wait(180);
    expect(phone.cdps().map(({ at }) => Math.round(at / SECOND))).toEqual([60, 120, 180]);
  });

  it('speaks to a silent neighbor a second after link, and not again until 60 s', () => {
    const { plug, wait } = world();
    const phone = plug({ ...PHONE_PORT, lldp: false });
    wait(59);
    expect(phone.cdps().map(({ at }) => Math.round(at / SECOND))).toEqual([1]);
  });

  it('does not speak while the link is down, and starts anew when it is up', () => {
    const { plug, wait } = world();
    const phone = plug({ ...PHONE_PORT, lldp: false });
    phone.sayCdp(phoneCdp());
    phone.cable.unplug();
    phone.heard = [];
    wait(200);
    expect(phone.heard).toEqual([]);
    phone.cable.plug();
    phone.sayCdp(phoneCdp());
    expect(phone.cdps()).toHaveLength(1);
    wait(61);
    expect(phone.cdps()).toHaveLength(2);
  });

  it('is mute and deaf where it is switched off', () => {
    const { plug, wait } = world();
    const phone = plug({ ...QUIET });
    phone.sayCdp(phoneCdp());
    phone.sayLldp(phoneLldp(true));
    wait(130);
    expect(phone.heard).toEqual([]);
  });

  it('tells a changed voice VLAN at once, on one port or on all', () => {
    const { plug, at } = world();
    const phones = [plug(), plug()] as const;
    for (const phone of phones) phone.sayCdp(phoneCdp());
    for (const phone of phones) phone.heard = [];
    const vlans = () =>
      phones.map((phone) => phone.cdps().map(({ message }) => cdp.find(message, 'voipVlanReply')?.vlan));
    at.setVoiceVlan(200);
    phones[0].transmit(dataFrame(BROADCAST, phones[0].mac, 200, 1));
    expect(vlans()).toEqual([[200], [200]]);
    expect(phones[1].heard.some(({ frame }) => frame[12] === 0x81 && frame[15] === 200)).toBe(true);
    for (const phone of phones) phone.heard = [];
    at.setVoiceVlan('none', phones[1].port);
    phones[0].transmit(dataFrame(BROADCAST, phones[0].mac, 200, 1));
    expect(vlans()).toEqual([[], [undefined]]);
  });

  it('knows every phone behind a shared wire by itself', () => {
    const { plug, events, wait } = world();
    const wire = plug({ ...PHONE_PORT, poe: false, lldp: false });
    const say = (index: number): void => {
      const frame = new Uint8Array(1518);
      const tlvs = phoneCdp().tlvs.map((tlv) => (tlv.kind === 'deviceId' ? { ...tlv, text: `SEP${index}` } : tlv));
      wire.transmit(frame.subarray(0, emitCdpFrame(wire.mac + index, { version: 2, ttl: 180, tlvs }, frame)));
    };
    for (let index = 0; index < 20; index += 1) say(index);
    expect(wire.cdps()).toHaveLength(20);
    wait(30);
    wire.heard = [];
    for (let index = 0; index < 20; index += 1) say(index);
    expect(wire.cdps()).toHaveLength(0);
    expect(events.filter(({ type }) => type === 'switch.neighbor')).toHaveLength(20);
  });

  it('counts what it cannot read', () => {
    const { plug, at } = world();
    const phone = plug();
    const frame = new Uint8Array(200);
    const length = emitCdpFrame(phone.mac, phoneCdp(), frame);
    frame[30]! ^= 0xff;
    phone.transmit(frame.subarray(0, length));
    expect(at.announcer.malformedFrames).toBe(1);
    expect(phone.cdps()).toEqual([]);
  });
});

describe('LLDP', () => {
  it('carries MED policies only after it heard MED, then three times a second apart', () => {
    const { plug, wait } = world();
    const phone = plug({ ...PHONE_PORT, cdp: false });
    wait(1.5);
    expect(phone.lldps()).toHaveLength(1);
    expect(lldp.find(phone.lldps()[0]!.message, 'medCapabilities')).toBeUndefined();
    phone.heard = [];
    phone.sayLldp(phoneLldp(true));
    wait(10);
    const answers = phone.lldps();
    expect(answers.map(({ at }) => Math.round(at / SECOND - 1.5))).toEqual([0, 1, 2]);
    const { message } = answers[0]!;
    expect(message).toMatchObject({ chassisId: { kind: 'mac', mac: SWITCH_MAC }, ttl: 120 });
    expect(lldp.find(message, 'medCapabilities')?.deviceType).toBe(4);
    const mark = { unknown: false, tagged: true, vlan: 100 };
    expect(lldp.policyOf(message, lldp.APPLICATION.voice)).toMatchObject({ ...mark, priority: 5, dscp: 46 });
    expect(lldp.policyOf(message, lldp.APPLICATION.voiceSignaling)).toMatchObject({ ...mark, priority: 3, dscp: 24 });
    expect(lldp.find(message, 'medPower')).toMatchObject({ type: 0, tenths: 120 });
  });

  it.each([
    ['dot1p', { tagged: true, vlan: 0 }],
    ['untagged', { tagged: false, vlan: 0 }],
    ['none', undefined],
  ] as const)('says voice VLAN %s', (voiceVlan, said) => {
    const { plug } = world();
    const phone = plug({ ...PHONE_PORT, cdp: false, voiceVlan });
    phone.sayLldp(phoneLldp(true));
    const policy = lldp.policyOf(phone.lldps()[0]!.message, lldp.APPLICATION.voice);
    if (said === undefined) expect(policy).toBeUndefined();
    else expect(policy).toMatchObject(said);
  });

  it('repeats itself every 30 s, and fast when the policy changes', () => {
    const { plug, at, wait } = world();
    const phone = plug({ ...PHONE_PORT, cdp: false });
    phone.sayLldp(phoneLldp(true));
    wait(89);
    expect(phone.lldps().map(({ at: when }) => Math.round(when / SECOND))).toEqual([0, 1, 2, 30, 60]);
    phone.heard = [];
    at.setVoiceVlan(200, phone.port);
    wait(0.5);
    expect(lldp.policyOf(phone.lldps()[0]!.message, 1)?.vlan).toBe(200);
  });

  it('forgets a neighbor that says goodbye', () => {
    const { plug, wait } = world();
    const phone = plug({ ...PHONE_PORT, cdp: false });
    phone.sayLldp(phoneLldp(true));
    phone.sayLldp({ ...phoneLldp(false), ttl: 0 });
    expect(phone.port.neighbor('lldp', phone.mac)).toBeNull();
    phone.heard = [];
    wait(29.5);
    expect(lldp.find(phone.lldps().at(-1)!.message, 'medCapabilities')).toBeUndefined();
  });
});

describe('Power over Ethernet', () => {
  const device = (powerClass: number | null) => {
    const supplied: number[] = [];
    return { class: powerClass, supplied, supply: (milliwatts: number) => supplied.push(milliwatts) };
  };

  it.each([
    [0, 15_400],
    [1, 4000],
    [2, 7000],
    [3, 15_400],
    [4, 30_000],
  ])('reserves for class %i %i mW', (powerClass, reserve) => {
    const { plug, at } = world();
    const phone = plug();
    const fed = device(powerClass);
    expect(at.connectDevice(phone.port, fed)).toBe('on');
    expect(fed.supplied).toEqual([reserve]);
    expect(at.power.allocated).toBe(reserve);
  });

  it('refuses when the budget is spent, and budgets anew from what CDP says', () => {
    const { plug, at } = world({ powerBudget: 20_000 });
    const [first, second] = [plug(), plug()] as const;
    const refused = device(3);
    expect(at.connectDevice(first.port, device(3))).toBe('on');
    expect(at.connectDevice(second.port, refused)).toBe('denied');
    expect(refused.supplied).toEqual([0]);
    first.sayCdp(phoneCdp());
    expect(at.power.allocated).toBe(6300);
    expect(at.connectDevice(second.port, device(2))).toBe('on');
    expect(at.power.allocated).toBe(13_300);
  });

  it('grants the largest level that fits and numbers its answers', () => {
    const { plug, at } = world({ powerBudget: 14_000 });
    const phone = plug({ ...PHONE_PORT, lldp: false });
    at.connectDevice(phone.port, device(2));
    const request = (requestId: number, levels: number[]): cdp.Tlv => ({
      kind: 'powerRequested',
      requestId,
      managementId: 0,
      levels,
    });
    const granted = () => cdp.find(phone.cdps().at(-1)!.message, 'powerAvailable')!;
    phone.sayCdp(phoneCdp([request(17126, [15_400, 13_000, 0])]));
    expect(granted()).toMatchObject({ requestId: 17126, levels: [13_000, 0xffffffff] });
    const { managementId } = granted();
    phone.sayCdp(phoneCdp([request(17127, [15_400, 13_000, 0])]));
    expect(granted()).toMatchObject({ requestId: 17127, managementId: managementId + 1 });
    at.limitPower(phone.port, 7000);
    phone.say(BROADCAST, null, 1);
    expect(granted()).toMatchObject({ managementId: managementId + 2, levels: [7000, 7000] });
    expect(at.power.allocated).toBe(7000);
  });

  it('listens to the protocol that spoke of power first', () => {
    const { plug, at } = world();
    const phone = plug();
    at.connectDevice(phone.port, device(3));
    phone.sayLldp(phoneLldp(true));
    expect(at.power.allocated).toBe(12_000);
    phone.sayCdp(phoneCdp());
    expect(at.power.allocated).toBe(12_000);
    phone.cable.unplug();
    phone.cable.plug();
    phone.sayCdp(phoneCdp());
    expect(at.power.allocated).toBe(6300);
  });

  it('cuts and restores', () => {
    const { plug, at, events } = world();
    const phone = plug();
    const fed = device(2);
    at.connectDevice(phone.port, fed);
    at.cutPower(phone.port);
    expect(at.power.allocated).toBe(0);
    at.restorePower(phone.port);
    expect(fed.supplied).toEqual([7000, 0, 7000]);
    expect(events.flatMap((event) => (event.type === 'switch.power' ? [event.outcome] : []))).toEqual([
      'granted',
      'cut',
      'restored',
    ]);
  });

  it('gives nothing on a port without it, and says no word about power there', () => {
    const { plug, at } = world();
    const phone = plug({ ...PHONE_PORT, poe: false });
    const fed = device(3);
    expect(at.connectDevice(phone.port, fed)).toBe('off');
    expect(fed.supplied).toEqual([0]);
    phone.sayCdp(phoneCdp());
    expect(cdp.find(phone.cdps()[0]!.message, 'powerAvailable')).toBeUndefined();
  });
});

describe('ports', () => {
  it('are named as those of a stack', () => {
    const { at, timeline } = world();
    const names = Array.from({ length: 97 }, () => at.connect(createCable(timeline).a).name);
    expect([names[0], names[47], names[48], names[96]]).toEqual([
      'GigabitEthernet1/0/1',
      'GigabitEthernet1/0/48',
      'GigabitEthernet2/0/1',
      'GigabitEthernet3/0/1',
    ]);
    expect(at.ports[48]?.shortName).toBe('Gi2/0/1');
  });

  it('refuse a VLAN that is none', () => {
    const { plug, at } = world();
    const phone = plug();
    for (const vlan of [0, 4095, 1.5]) expect(() => at.setVoiceVlan(vlan, phone.port)).toThrow(/VLAN/);
  });
});
