import { describe, expect, it } from 'vitest';
import { SECOND } from '../hal/timer.ts';
import { VirtualTimeline } from '../hal/virtual/timeline.ts';
import type { CallManagerEvent } from './call-manager/call-manager-options.ts';
import { createLab } from './lab.ts';
import type { LabEvent } from './lab-event.ts';
import type { LabOptions } from './lab-options.ts';
import { Handset, type HandsetOptions } from './testing/handset.ts';

const FIRST_MAC = 0x02005e000000;

function world(options: Partial<LabOptions> = {}) {
  const timeline = new VirtualTimeline();
  const events: (LabEvent | CallManagerEvent)[] = [];
  const lab = createLab({
    timeline,
    seed: 7,
    devices: [
      { firstMac: FIRST_MAC, count: 10_000, model: '7975', deviceType: 437, firstNumber: 200_000, lineCount: 1 },
    ],
    events: (_at, event) => events.push(event),
    ...options,
  });
  const handset = (index: number, changes: Partial<HandsetOptions> = {}): Handset =>
    new Handset({ timeline, wire: lab.port(index), mac: FIRST_MAC + index, vlan: 100, ...changes });
  const wait = (seconds: number): boolean => timeline.runUntil(timeline.now() + seconds * SECOND);
  return { timeline, lab, events, handset, wait };
}

describe('the lab', () => {
  it('brings a phone in the voice VLAN to registered', () => {
    const { lab, handset, wait, events } = world();
    const phone = handset(0);
    phone.boot();
    wait(1);
    expect(phone.registered).toBe(true);
    expect(phone.stack.address).toBe(0x0a640100);
    expect(phone.lease?.options).toMatchObject({
      routers: [0x0a640001],
      domainNameServers: [0x0a640002],
      tftpServers: [0x0a640003],
      tftpServerName: '10.100.0.3',
    });
    expect(phone.connection?.remote.address).toBe(0x0a64000b);
    expect(lab.callManagers[0]?.isRegistered('SEP02005E000000')).toBe(true);
    expect(lab.router.forwarded).toBe(0);
    expect(events.map(({ type }) => type)).toContain('registration');
  });

  it('serves a phone without a voice VLAN in the data VLAN, through the router', () => {
    const { lab, handset, wait } = world();
    const phone = handset(0, { vlan: null });
    phone.boot();
    wait(3);
    expect(phone.stack.address).toBe(0x0a010100);
    expect(phone.registered).toBe(true);
    expect(lab.router.forwarded).toBeGreaterThan(10);
  });

  it('serves a client that wants its replies by broadcast', () => {
    const { handset, wait } = world({ protected: true });
    const phone = handset(0, { flags: 0x8000 });
    phone.boot();
    wait(1);
    expect(phone.registered).toBe(true);
  });

  it('gives a VLAN that comes up later a network of its own', () => {
    const { lab, handset, wait } = world();
    lab.setVoiceVlan(200);
    const phone = handset(0, { vlan: 200 });
    phone.boot();
    wait(3);
    expect(phone.stack.address).toBe(0x0ac80100);
    expect(phone.registered).toBe(true);
    lab.setVoiceVlan(1000, 0);
    const moved = handset(1, { wire: lab.port('other'), vlan: 1000 });
    lab.setVoiceVlan(1000, 'other');
    moved.boot();
    wait(3);
    expect(moved.stack.address).toBe(0xac10_0000 + 1000 * 256 + 32);
  });

  it('knows its machines by name', () => {
    const { handset, wait } = world();
    const phone = handset(0);
    phone.acquire();
    wait(1);
    const found = ['CiscoCM1', 'cm2', 'nobody'].map((name) => {
      let answer: readonly number[] | null = null;
      phone.resolve(`${name}.lab.example`, 0x0a640002, (addresses) => {
        answer = addresses;
      });
      wait(1);
      return answer;
    });
    expect(found).toEqual([[0x0a640003], [0x0a64000c], []]);
  });

  it('has no files for strangers, and others that it was given', () => {
    const { handset, wait } = world({
      files: ({ name }) => (name === 'Ringlist.xml' ? Uint8Array.of(1, 2, 3) : null),
    });
    const phone = handset(0);
    phone.acquire();
    wait(1);
    for (const name of ['CTLSEP02005E000000.tlv', 'Ringlist.xml', 'XMLDefault.cnf.xml']) {
      phone.fetch(name, 0x0a640003);
      wait(1);
    }
    expect(phone.files.get('CTLSEP02005E000000.tlv')).toBe(1);
    expect(phone.files.get('Ringlist.xml')).toEqual(Uint8Array.of(1, 2, 3));
    expect(phone.files.get('XMLDefault.cnf.xml')).toBeInstanceOf(Uint8Array);
  });

  it('rejects a phone that nobody wrote down', () => {
    const { handset, wait } = world();
    const phone = handset(0, { mac: 0x02ff00000001 });
    phone.acquire(() => phone.register(0x0a64000b));
    wait(1);
    expect(phone.registered).toBe(false);
    expect(phone.rejected).not.toBe('');
  });

  it('stops and starts each of its services', () => {
    const { lab, handset, wait } = world();
    lab.dhcp.stop();
    const phone = handset(0);
    phone.acquire();
    wait(5);
    expect(phone.lease).toBeNull();
    lab.dhcp.start();
    lab.callManagers[0]?.stop('rst');
    const other = handset(1);
    other.boot();
    wait(2);
    expect(other.gone).toBe('refused');
    lab.callManagers[0]?.start();
    other.register(0x0a64000b);
    wait(2);
    expect(other.registered).toBe(true);
    lab.stop();
    wait(1);
    expect(other.gone).toBe('closed');
  });

  it('loses a machine whose cable is pulled', () => {
    const { lab, handset, wait } = world();
    const phone = handset(0);
    lab.machine('cm1').cable.unplug();
    phone.boot();
    wait(60);
    expect(phone.gone).toBe('unreachable');
    lab.machine('cm1').cable.plug();
    phone.register(0x0a64000b);
    wait(2);
    expect(phone.registered).toBe(true);
    expect(() => lab.machine('cm9')).toThrow(/cm9/);
  });

  it('takes the link from a phone, and gives it back', () => {
    const { lab } = world();
    const wire = lab.port(0);
    expect(wire.link().up).toBe(true);
    lab.unplug(0);
    expect(wire.link().up).toBe(false);
    expect(lab.switchPort(0).state.up).toBe(false);
    lab.plug(0);
    expect(lab.switchPort(0).state.up).toBe(true);
    expect(lab.switchPort(0).name).toBe('GigabitEthernet1/0/1');
  });

  it('does the same twice, and another thing with another seed only where chance is', () => {
    const run = (seed: number): unknown => {
      const { lab, handset, wait, events } = world({ seed });
      const phone = handset(0);
      phone.boot();
      wait(1);
      return [events, phone.connection?.local.port, lab.switch.counters];
    };
    expect(run(1)).toEqual(run(1));
    expect(run(2)).toEqual(run(1));
  });

  it('boots 3,000 phones at once and accounts for each', { timeout: 120_000 }, () => {
    const { lab, handset, wait } = world({ protected: true, events: () => {} });
    const phones = Array.from({ length: 3000 }, (_, index) => handset(index));
    const started = performance.now();
    for (const phone of phones) phone.boot();
    wait(30);
    const seconds = (performance.now() - started) / 1000;
    expect(phones.filter((phone) => !phone.registered).map((phone) => phone.name)).toEqual([]);
    const addresses = new Set(phones.map((phone) => phone.stack.address));
    expect(addresses.size).toBe(3000);
    expect(lab.dhcp.counters).toMatchObject({
      discover: 3000,
      offer: 3000,
      request: 3000,
      ack: 3000,
      nak: 0,
      malformed: 0,
    });
    expect(lab.dhcp.leasesOf(lab.network.base)?.count('bound')).toBe(3000);
    expect(lab.tftp[0]?.counters).toMatchObject({ requests: 3000, sent: 3000, timeouts: 0, malformed: 0 });
    expect(lab.callManagers[0]?.counters).toMatchObject({ registered: 3000, registrations: 3000, garbled: 0 });
    // Phones broadcast to servers only; a server's broadcast that concerns one phone goes to it.
    expect(lab.switch.counters.flooded / 3000).toBeLessThan(60);
    console.info(`3,000 handsets and the lab: ${(seconds / 3).toFixed(2)} ms a boot`);
  });
});
