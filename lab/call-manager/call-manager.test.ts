import { describe, expect, it } from 'vitest';
import { MemoryTcp } from '../../bench/support/memory-tcp.ts';
import { SccpStation, type StationOptions } from '../../bench/support/sccp-station.ts';
import * as sccp from '../../firmware/wire/sccp/message.ts';
import { MILLISECOND, SECOND } from '../../hal/timer.ts';
import { tunableValues } from '../../hal/tunables.ts';
import { VirtualTimeline } from '../../hal/virtual/timeline.ts';
import { DeviceTable } from '../device-table.ts';
import { CallManager } from './call-manager.ts';
import type { CallManagerEvent, CallManagerOptions } from './call-manager-options.ts';

const FIRST_MAC = 0x0200_5ec0_0000;
const ADDRESS = 0x0a00_0001;

function nameOf(mac: number): string {
  return `SEP${mac.toString(16).toUpperCase().padStart(12, '0')}`;
}

class World {
  readonly timeline = new VirtualTimeline();
  readonly network = new MemoryTcp(this.timeline, ADDRESS, MILLISECOND);
  readonly devices = new DeviceTable();
  readonly events: CallManagerEvent[] = [];
  readonly manager: CallManager;

  constructor(options: Partial<CallManagerOptions> = {}, devices = 10, model = '7975', deviceType = 437) {
    this.devices.addRange({
      firstMac: FIRST_MAC,
      count: devices,
      firstNumber: 2000,
      lineCount: 2,
      model,
      deviceType,
      speedDials: [{ number: '600', label: 'Echo' }],
    });
    this.manager = new CallManager({
      name: 'cm1',
      timeline: this.timeline,
      sockets: this.network,
      devices: this.devices,
      events: (_at, event) => this.events.push(event),
      ...options,
    });
    this.manager.start();
  }

  station(index: number, options: Partial<StationOptions> = {}): SccpStation {
    const station = new SccpStation(this.timeline, { mac: FIRST_MAC + index, ...options });
    station.dial(this.network);
    return station;
  }

  /** Runs until so many seconds. */
  until(seconds: number): this {
    this.timeline.runUntil(seconds * SECOND);
    return this;
  }

  outcomes(): string[] {
    return this.events.flatMap((event) => (event.type === 'registration' ? [event.outcome] : []));
  }
}

describe('registration with the lab call manager', () => {
  it.each([
    ['7975', 437, 22],
    ['7940', 8, 11],
  ])('of a %s (type %i) at version %i', (model, deviceType, version) => {
    const world = new World({}, 10, model, deviceType);
    const station = world.station(0, { model });
    world.until(1);
    expect(station.of('registered')).toEqual([
      {
        kind: 'registered',
        lines: [
          { instance: 1, number: '2000', label: '2000' },
          { instance: 2, number: '2001', label: '2001' },
        ],
        features: [{ kind: 'speed-dial', instance: 1, target: '600', label: 'Echo' }],
        keepaliveSeconds: 30,
        standbyKeepaliveSeconds: 60,
        version,
        dateTemplate: 'M/D/Y',
        userName: '',
        serverName: 'cm1',
      },
    ]);
    expect(station.of('time')).toEqual([
      { kind: 'time', systemTime: Date.UTC(2026, 10, 22, 8) / 1000, local: [2026, 11, 22, 8, 0, 0] },
    ]);
    expect(station.of('display').at(-1)?.display).toMatchObject({
      prompt: 'Your current options',
      softKeys: [
        { label: 'Redial', event: 1 },
        { label: 'NewCall', event: 2 },
        { label: 'CFwdAll', event: 5 },
      ],
    });
    expect(world.manager.counters).toMatchObject({ open: 1, registered: 1, registrations: 1, alarms: 1, unknown: 0 });
    expect(world.events).toContainEqual({
      type: 'registration',
      outcome: 'registered',
      manager: 'cm1',
      device: nameOf(FIRST_MAC),
      address: 0x0a00_0005,
      version,
    });
  });

  it.each([17, 15, 11, 8, 3, 0])('at a server of version %i', (version) => {
    const world = new World({ version });
    const station = world.station(0);
    world.until(1);
    expect(station.of('registered')[0]).toMatchObject({ version, lines: [{ number: '2000' }, { number: '2001' }] });
  });

  it('works through a send buffer of a few octets', () => {
    const world = new World();
    world.network.sendBuffer = 700;
    const station = world.station(0, { model: '7940' });
    world.devices.change(nameOf(FIRST_MAC), { deviceType: 8 });
    world.until(10);
    expect(station.of('registered')).toHaveLength(1);
  });

  it('keeps the zone of the phones', () => {
    const world = new World({ zoneMinutes: 330 });
    const station = world.station(0);
    world.until(1);
    expect(station.of('time')[0]).toMatchObject({ local: [2026, 11, 22, 13, 30, 0] });
  });

  it('of an unknown device is rejected, and the connection closed after a while', () => {
    const world = new World();
    const station = world.station(99);
    world.until(1);
    expect(station.of('rejected')).toEqual([{ kind: 'rejected', text: 'Error DBConfig' }]);
    expect(world.manager.counters).toMatchObject({ rejections: 1, registered: 0 });
    world.until(100);
    expect(world.manager.counters.open).toBe(0);
  });

  it('of another type of phone is rejected, as is a device for which a rule says so', () => {
    const world = new World({ reject: (device) => (device.name.endsWith('1') ? 'Not today' : null) });
    const wrong = world.station(0, { model: '7940' });
    const refused = world.station(1);
    const welcome = world.station(2);
    world.until(1);
    expect(wrong.of('rejected')).toMatchObject([{ text: 'Error Mismatch' }]);
    expect(refused.of('rejected')).toMatchObject([{ text: 'Not today' }]);
    expect(welcome.of('registered')).toHaveLength(1);
  });

  it('of the same device again closes the older connection', () => {
    const world = new World();
    const first = world.station(0);
    world.until(1);
    const second = world.station(0);
    world.until(2);
    expect(second.of('registered')).toHaveLength(1);
    expect(first.of('lost')).toEqual([{ kind: 'lost', why: 'closed' }]);
    expect(world.outcomes()).toEqual(['registered', 'superseded', 'registered']);
    expect(world.manager.counters).toMatchObject({ registered: 1, open: 1, superseded: 1, lost: 0 });
  });

  it('ends with UnregisterReq', () => {
    const world = new World();
    const station = world.station(0);
    world.until(1);
    station.input({ kind: 'unregister' });
    world.until(2);
    expect(station.of('unregistered')).toHaveLength(1);
    expect(world.outcomes()).toEqual(['registered', 'unregistered']);
    expect(world.manager.counters).toMatchObject({ registered: 0, open: 0, lost: 0 });
  });
});

describe('a registered phone', () => {
  it('stays, by keepalives alone', () => {
    const world = new World();
    const stations = Array.from({ length: 10 }, (_, k) => world.station(k));
    world.until(3600);
    expect(world.manager.counters).toMatchObject({ registered: 10, silent: 0 });
    expect(world.manager.counters.keepalives).toBe(10 * 119);
    expect(stations.flatMap((station) => station.of('lost'))).toEqual([]);
  });

  it('that falls silent is dropped after three missed keepalives', () => {
    const world = new World();
    const station = world.station(0);
    world.until(31);
    station.input({ kind: 'gone', why: 'unreachable' });
    world.until(30 + 94);
    expect(world.manager.counters.silent).toBe(0);
    world.until(30 + 96);
    expect(world.manager.counters).toMatchObject({ silent: 1, registered: 0 });
    expect(world.events.at(-1)).toMatchObject({ outcome: 'lost', reason: 'silent', device: nameOf(FIRST_MAC) });
  });

  it('is reset, restarted, told of messages and of news', () => {
    const world = new World();
    const station = world.station(0);
    world.until(1);
    const name = nameOf(FIRST_MAC);
    expect(world.manager.reset(name, 'restart')).toBe(true);
    expect(world.manager.setMessageWaiting(name, true)).toBe(true);
    expect(world.manager.prompt(name, 'Fire drill at noon')).toBe(true);
    expect(world.manager.reset(nameOf(FIRST_MAC + 1), 'reset')).toBe(false);
    world.until(2);
    expect(station.of('reset')).toEqual([{ kind: 'reset', type: 'restart' }]);
    expect(station.of('display').at(-1)?.display).toMatchObject({ prompt: 'Fire drill at noon', messageWaiting: true });
    world.manager.prompt(name, '');
    world.until(3);
    expect(station.of('display').at(-1)?.display).toMatchObject({ prompt: '' });
  });
});

describe('a call manager that stops', () => {
  it.each([
    ['fin', 'closed'],
    ['rst', 'reset'],
  ] as const)('by %s: phones are lost by %s at once, and come back when it is started again', (how, why) => {
    const world = new World();
    const station = world.station(0);
    world.until(1);
    world.manager.stop(how);
    world.until(2);
    expect(station.of('lost')).toEqual([{ kind: 'lost', why }]);
    expect(world.manager.counters).toMatchObject({ registered: 0, open: 0 });
    const tooEarly = world.station(1);
    world.until(3);
    expect(tooEarly.of('lost')).toEqual([{ kind: 'lost', why: 'refused' }]);
    world.manager.start();
    const again = world.station(0);
    world.until(4);
    expect(again.of('registered')).toHaveLength(1);
  });

  it('silently: phones notice by their keepalives, and nothing new is accepted', () => {
    const world = new World();
    const station = world.station(0);
    world.until(1);
    world.manager.stop('silent');
    const other = world.station(1, { tunables: tunableValues({ 'sccp.registerTimeout': 30 }) });
    world.until(94);
    expect(station.of('lost')).toEqual([]);
    expect(other.of('lost')).toEqual([{ kind: 'lost', why: 'register-timeout' }]);
    world.until(96);
    expect(station.of('lost')).toEqual([{ kind: 'lost', why: 'keepalive-timeout' }]);
    world.manager.start();
    const again = world.station(0);
    world.until(97);
    expect(again.of('registered')).toHaveLength(1);
  });
});

describe('a token', () => {
  it('is granted or refused for a time', () => {
    const world = new World();
    world.manager.tokens = 60;
    const station = new SccpStation(world.timeline, { mac: FIRST_MAC });
    station.connected = () => {
      station.input({ kind: 'connected', ownAddress: 0x0a00_0005 });
      station.input({ kind: 'request-token' });
    };
    station.dial(world.network);
    world.until(1);
    world.manager.tokens = 'grant';
    station.input({ kind: 'request-token' });
    world.until(2);
    expect(station.of('token')).toEqual([
      { kind: 'token', answer: 'refused', waitSeconds: 60 },
      { kind: 'token', answer: 'granted', waitSeconds: 0 },
    ]);
    expect(world.manager.counters.tokens).toBe(2);
  });
});

describe('a call manager with its hands full', () => {
  it('lets in so many phones a second, and closes on the others', () => {
    const world = new World();
    world.manager.throttle.perSecond = 2;
    const stations = Array.from({ length: 5 }, (_, k) => world.station(k));
    world.until(0.5);
    expect(world.manager.counters.registered).toBe(2);
    expect(stations.filter((station) => station.of('lost').length > 0)).toHaveLength(3);
    world.station(5);
    world.until(1.5);
    expect(world.manager.counters.registered).toBe(3);
    world.manager.throttle.perSecond = null;
    for (let k = 6; k < 10; k++) world.station(k);
    world.until(2);
    expect(world.manager.counters.registered).toBe(7);
  });

  it('answers late, each in its turn', () => {
    const world = new World();
    world.manager.slowness.milliseconds = 200;
    const station = world.station(0);
    world.until(0.19);
    expect(world.manager.counters.alarms).toBe(0);
    world.until(0.3);
    expect(world.manager.counters.alarms).toBe(1);
    // What was asked before is answered before what is asked when it is quick again.
    world.manager.slowness.milliseconds = 0;
    world.until(3);
    expect(station.of('registered')).toHaveLength(1);
    expect(world.manager.counters.garbled).toBe(0);
  });

  it('that is strict throws out who does not say what it can do', () => {
    const world = new World({ strictCapabilities: true });
    const talkative = world.station(0);
    world.until(1);
    const received: Uint8Array[] = [];
    const mute = world.network.connectFrom(0x0a00_0009, 2000, {
      connected: () => {},
      data: (_now, octets) => void received.push(octets.slice()),
      ended: (now) => mute.close(now),
      writable: () => {},
      gone: () => {},
    });
    world.until(2);
    const request = {
      type: 'RegisterReq',
      deviceName: nameOf(FIRST_MAC + 1),
      deviceType: 437,
      protocolVer: 22,
    } as const;
    mute.write(world.timeline.now(), sccp.encode(request));
    world.until(11);
    expect(received).toHaveLength(1);
    expect(world.manager.isRegistered(nameOf(FIRST_MAC + 1))).toBe(false);
    expect(world.manager.counters.open).toBe(2);
    world.until(13);
    expect(world.events.at(-1)).toMatchObject({ outcome: 'lost', reason: 'no-capabilities' });
    expect(world.manager.counters.open).toBe(1);
    world.until(40);
    expect(talkative.of('lost')).toEqual([]);
  });
});

describe('many phones', () => {
  it('register and stay: 2,000 of them, on few alarms', () => {
    const world = new World({}, 2000);
    for (let k = 0; k < 2000; k++) world.station(k);
    world.until(5);
    expect(world.manager.counters.registered).toBe(2000);
    // One alarm a station, one of the network, and at most three of the call manager.
    expect(world.timeline.armed).toBeLessThanOrEqual(2004);
    world.until(100);
    expect(world.manager.counters).toMatchObject({ registered: 2000, keepalives: 6000, silent: 0 });
  });

  it('garbage on a connection ends that connection only', () => {
    const world = new World();
    world.station(0);
    world.until(1);
    let gone = '';
    const socket = world.network.connectFrom(0x0a00_0009, 2000, {
      connected: () => {},
      data: () => {},
      ended: () => {},
      writable: () => {},
      gone: (_now, why) => {
        gone = why;
      },
    });
    world.until(2);
    socket.write(world.timeline.now(), new TextEncoder().encode('GET / HTTP/1.0\r\n\r\n'));
    world.until(3);
    expect(gone).toBe('reset');
    expect(world.manager.counters).toMatchObject({ garbled: 1, registered: 1, open: 1 });
  });
});
