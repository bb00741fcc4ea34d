import { describe, expect, it } from 'vitest';
import { MemoryTcp } from '../../bench/support/memory-tcp.ts';
import { SipStation } from '../../bench/support/sip-station.ts';
import type { CallMedia, MediaAddress } from '../../firmware/protocols/calls.ts';
import type { Key } from '../../hal/panel.ts';
import { MILLISECOND, SECOND } from '../../hal/timer.ts';
import { VirtualTimeline } from '../../hal/virtual/timeline.ts';
import { DeviceTable } from '../device-table.ts';
import { SipCallManager } from './sip-call-manager.ts';

const FIRST_MAC = 0x0200_5ec0_0000;

/** Remembers to whom each phone talks. */
class Talk implements CallMedia {
  readonly #address: number;
  readonly to = new Map<number, number>();

  constructor(address: number) {
    this.#address = address;
  }

  open(_now: number, call: number): MediaAddress {
    return { address: this.#address, port: 16_384 + 2 * call };
  }

  send(_now: number, call: number, to: MediaAddress): MediaAddress {
    this.to.set(call, to.address);
    return this.open(_now, call);
  }

  stopSending(_now: number, call: number): void {
    this.to.delete(call);
  }

  close(_now: number, call: number): void {
    this.to.delete(call);
  }

  report(): null {
    return null;
  }
}

interface Party {
  readonly station: SipStation;
  readonly talk: Talk;
  readonly address: number;
}

class World {
  readonly timeline = new VirtualTimeline();
  readonly network = new MemoryTcp(this.timeline, 0x0a00_0001, MILLISECOND);
  readonly manager: SipCallManager;
  readonly parties: Party[];

  constructor(count = 3) {
    const devices = new DeviceTable();
    const range = { count: 10, firstNumber: 2000, lineCount: 1, model: '8861', deviceType: 685 };
    devices.addRange({ ...range, firstMac: FIRST_MAC, protocol: 'sip' });
    const { timeline, network } = this;
    this.manager = new SipCallManager({ name: 'cm1', node: '10.0.0.1', timeline, sockets: network, devices });
    this.manager.start();
    this.parties = Array.from({ length: count }, (_, index) => {
      const address = 0x0a00_0010 + index;
      const talk = new Talk(address);
      const mac = FIRST_MAC + index;
      const station = new SipStation(timeline, { mac, number: `${2000 + index}`, address, media: talk });
      station.dial(network);
      return { station, talk, address };
    });
    this.run(2);
  }

  run(seconds: number): this {
    this.timeline.runUntil(this.timeline.now() + seconds * SECOND);
    return this;
  }

  key(index: number, ...keys: Key[]): this {
    for (const key of keys) this.parties[index]!.station.input({ kind: 'key', key });
    return this;
  }

  call(index: number, number: string): this {
    return this.key(index, ...(`${number}#`.split('') as Key[])).run(1);
  }

  soft(index: number, label: string): this {
    const { softKeys } = this.parties[index]!.station.of('display').at(-1)!.display;
    const at = softKeys.findIndex((key) => key.label === label);
    if (at === -1) throw new Error(`no ${label} among ${softKeys.map((key) => key.label).join(', ')}`);
    return this.key(index, `softKey${(at + 1) as 1}`);
  }

  state(index: number): string {
    return this.parties[index]!.station.of('call').at(-1)?.call.state ?? 'none';
  }

  /** To whom this one talks. */
  talksTo(index: number): number[] {
    const addresses = [...this.parties[index]!.talk.to.values()];
    return addresses.map((address) => this.parties.findIndex((party) => party.address === address));
  }
}

describe('the switchboard', () => {
  it('connects two phones, whose audio goes straight from one to the other', () => {
    const world = new World().call(0, '2001');
    expect([world.state(0), world.state(1)]).toEqual(['ring-out', 'ring-in']);
    world.key(1, 'hookOff').run(1);
    expect([world.state(0), world.state(1)]).toEqual(['connected', 'connected']);
    expect([world.talksTo(0), world.talksTo(1)]).toEqual([[1], [0]]);
    expect(world.parties[1]!.station.of('call')[0]!.call).toMatchObject({ from: '2000', to: '2001', direction: 'in' });
    world.key(0, 'hookOn').run(1);
    expect([world.state(0), world.state(1)]).toEqual(['ended', 'ended']);
    expect(world.manager.switchboard.counters).toMatchObject({ calls: 1, answered: 1 });
    expect(world.manager.switchboard.legs).toBe(0);
  });

  it('passes hold and resume on', () => {
    const world = new World().call(0, '2001').key(1, 'hookOff').run(1);
    world.soft(1, 'Hold').run(1);
    expect([world.state(0), world.state(1)]).toEqual(['remote-hold', 'hold']);
    expect([world.talksTo(0), world.talksTo(1)]).toEqual([[], []]);
    world.soft(1, 'Resume').run(1);
    expect([world.state(0), world.state(1)]).toEqual(['connected', 'connected']);
    expect([world.talksTo(0), world.talksTo(1)]).toEqual([[1], [0]]);
  });

  it.each([
    ['a number that nobody has', '2999', 'reorder'],
    ['a phone that is not registered', '2009', 'reorder'],
  ])('refuses %s', (_what, number, state) => {
    const world = new World().call(0, number);
    expect(world.state(0)).toBe(state);
    expect(world.manager.switchboard.legs).toBe(0);
  });

  it('says busy for one who declines, and forgets a call that was taken back', () => {
    const world = new World().call(0, '2001').soft(1, 'Decline').run(1);
    expect(world.state(0)).toBe('busy');
    world.soft(0, 'EndCall').call(0, '2001').key(0, 'hookOn').run(1);
    expect([world.state(0), world.state(1)]).toEqual(['ended', 'ended']);
    expect(world.manager.switchboard.legs).toBe(0);
  });

  it('hands a call on to one who has been asked first', () => {
    const world = new World().call(0, '2001').key(1, 'hookOff').run(1);
    world.soft(0, 'Trnsfer').run(1).call(0, '2002').key(2, 'hookOff').run(1);
    expect([world.state(0), world.state(1), world.state(2)]).toEqual(['connected', 'remote-hold', 'connected']);
    world.soft(0, 'Trnsfer').run(2);
    expect([world.state(0), world.state(1), world.state(2)]).toEqual(['ended', 'connected', 'connected']);
    expect([world.talksTo(0), world.talksTo(1), world.talksTo(2)]).toEqual([[], [2], [1]]);
    expect(world.manager.switchboard.counters.transfers).toBe(1);
    world.key(2, 'hookOn').run(1);
    expect(world.state(1)).toBe('ended');
    expect(world.manager.switchboard.legs).toBe(0);
  });

  it('hands a call on to one who still rings', () => {
    const world = new World().call(0, '2001').key(1, 'hookOff').run(1);
    world.soft(0, 'Trnsfer').run(1).call(0, '2002').soft(0, 'Trnsfer').run(1);
    world.key(2, 'hookOff').run(2);
    expect([world.state(0), world.state(1), world.state(2)]).toEqual(['ended', 'connected', 'connected']);
    expect([world.talksTo(1), world.talksTo(2)]).toEqual([[2], [1]]);
  });

  it('ends the calls of a phone whose connection breaks', () => {
    const world = new World().call(0, '2001').key(1, 'hookOff').run(1);
    world.parties[0]!.station.hangUp();
    world.run(1);
    expect(world.state(1)).toBe('ended');
    expect(world.manager.switchboard.legs).toBe(0);
  });
});
