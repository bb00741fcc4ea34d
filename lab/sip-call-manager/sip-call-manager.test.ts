import { describe, expect, it } from 'vitest';
import { MemoryTcp } from '../../bench/support/memory-tcp.ts';
import { SipStation, type SipStationOptions, sipSettingsFor } from '../../bench/support/sip-station.ts';
import { isMalformed } from '../../firmware/malformed.ts';
import { headerValue, headerValues, type Message, parse } from '../../firmware/wire/sip/message.ts';
import { judgeRequest, judgeResponse } from '../../firmware/wire/sip/validity.ts';
import { MILLISECOND, SECOND } from '../../hal/timer.ts';
import { VirtualTimeline } from '../../hal/virtual/timeline.ts';
import type { CallManagerEvent } from '../call-manager/call-manager-options.ts';
import { DeviceTable } from '../device-table.ts';
import { DirectNetwork } from '../testing/direct-sockets.ts';
import { SipCallManager } from './sip-call-manager.ts';
import type { SipCallManagerOptions } from './sip-call-manager-options.ts';

const FIRST_MAC = 0x0200_5ec0_0000;
const ADDRESS = 0x0a00_0001;
const NAME = 'SEP02005EC00000';

class World {
  readonly timeline = new VirtualTimeline();
  readonly network = new MemoryTcp(this.timeline, ADDRESS, MILLISECOND);
  readonly devices = new DeviceTable();
  readonly events: CallManagerEvent[] = [];
  readonly manager: SipCallManager;

  constructor(options: Partial<SipCallManagerOptions> = {}) {
    this.devices.addRange({
      firstMac: FIRST_MAC,
      count: 10,
      firstNumber: 2000,
      lineCount: 1,
      model: '8861',
      deviceType: 685,
      protocol: 'sip',
    });
    this.manager = new SipCallManager({
      name: 'cm1',
      node: '10.0.0.1',
      timeline: this.timeline,
      sockets: this.network,
      devices: this.devices,
      events: (_at, event) => this.events.push(event),
      ...options,
    });
    this.manager.start();
  }

  station(index: number, options: Partial<SipStationOptions> = {}): SipStation {
    const station = new SipStation(this.timeline, { mac: FIRST_MAC + index, number: `${2000 + index}`, ...options });
    station.dial(this.network);
    return station;
  }

  until(seconds: number): this {
    this.timeline.runUntil(seconds * SECOND);
    return this;
  }

  outcomes(): string[] {
    return this.events.flatMap((event) => (event.type === 'registration' ? [event.outcome] : []));
  }

  /** A connection on which a test speaks by hand: what it says, and what it hears. */
  line() {
    const heard: Message[] = [];
    const socket = this.network.connectFrom(0x0a00_0009, 5060, {
      connected: () => {},
      data: (_now, octets) => {
        let at = 0;
        while (at < octets.length) {
          const m = parse(octets.subarray(at));
          if (isMalformed(m)) throw new Error(m.reason);
          heard.push(m);
          const text = Buffer.from(octets.subarray(at)).toString('latin1');
          at += text.indexOf('\r\n\r\n') + 4 + m.body.length;
        }
      },
      ended: () => {},
      writable: () => {},
      gone: () => {},
    });
    const say = (text: string) => socket.write(this.timeline.now(), Buffer.from(text.replaceAll('\n', '\r\n')));
    return { heard, say };
  }
}

function foreignRegister(user: string, sequence = 1, contact = `<sip:${user}@10.0.0.9:5080>`): string {
  return `REGISTER sip:10.0.0.1 SIP/2.0
Via: SIP/2.0/TCP 10.0.0.9:5080;branch=z9hG4bKforeign${sequence}
Max-Forwards: 70
From: <sip:${user}@10.0.0.1>;tag=1
To: <sip:${user}@10.0.0.1>
Call-ID: foreign@10.0.0.9
CSeq: ${sequence} REGISTER
Contact: ${contact}
Expires: 60
Content-Length: 0

`;
}

describe('the lab call manager over SIP', () => {
  it('registers a Cisco phone, and everything that it says is well-formed', () => {
    const world = new World();
    const said: Message[] = [];
    const station = world.station(0);
    const data = station.data.bind(station);
    station.data = (now, octets) => {
      const text = Buffer.from(octets);
      let at = 0;
      while (at < text.length) {
        const m = parse(text.subarray(at));
        if (isMalformed(m)) throw new Error(m.reason);
        said.push(m);
        at = text.indexOf('\r\n\r\n', at) + 4 + m.body.length;
      }
      data(now, octets);
    };
    world.until(2);
    world.manager.reset(NAME, 'check-version');
    world.manager.setMessageWaiting(NAME, true);
    world.until(3);
    expect(said.map((m) => (m.kind === 'request' ? m.method : m.status))).toEqual([
      100,
      200,
      'REFER',
      'NOTIFY',
      'NOTIFY',
    ]);
    for (const m of said) expect(m.kind === 'request' ? judgeRequest(m) : judgeResponse(m)).toBe(null);
    const ok = said[1]!;
    expect(headerValue(ok, 'Expires')).toBe('120');
    expect(headerValue(ok, 'Contact')).toContain(';expires=120;x-cisco-newreg');
    expect(headerValue(ok, 'Date')).toMatch(/^Sun, 22 Nov 2026 08:00:0\d GMT$/);
    expect(station.of('registered').length).toBe(1);
    expect(world.manager.counters).toMatchObject({ registered: 1, bad: 0, garbled: 0, alarms: 0 });
    expect(world.events.filter(({ type }) => type === 'alarm')).toMatchObject([
      { device: NAME, text: expect.stringContaining('cisco-alarm:25 Name=SEP02005EC00000') },
    ]);
  });

  it('says 404 to a device that it does not know, 403 to one of another kind', () => {
    const world = new World();
    const unknown = world.station(77);
    const other = world.station(1, { model: '8841' });
    world.until(2);
    expect(unknown.of('lost')).toMatchObject([{ why: 'server-error' }]);
    expect(other.of('rejected')).toMatchObject([{ text: 'Device type mismatch', waitSeconds: 35 }]);
    expect(world.outcomes()).toEqual(['rejected', 'rejected']);
  });

  it('closes the older connection of a device that registers twice', () => {
    const world = new World();
    const first = world.station(0);
    world.until(1);
    world.station(0, { address: 0x0a00_0006 });
    world.until(2);
    expect(world.outcomes()).toEqual(['registered', 'superseded']);
    expect(first.of('lost')).toMatchObject([{ why: 'closed' }]);
    expect(world.manager.counters.registered).toBe(1);
  });

  it('drops a phone that is not heard for its time and 15 s', () => {
    const world = new World();
    const { say } = world.line();
    world.until(1);
    say(foreignRegister('2003'));
    world.until(2);
    expect(world.manager.isRegistered('SEP02005EC00003')).toBe(true);
    world.until(134);
    expect(world.manager.counters.registered).toBe(1);
    world.until(137);
    expect(world.events.at(-1)).toMatchObject({ outcome: 'lost', reason: 'silent' });
  });

  it('takes phones of other makers by their number, without remotecc', () => {
    const world = new World();
    const { say, heard } = world.line();
    world.until(1);
    say(foreignRegister('2003'));
    world.until(2);
    expect(heard.map((m) => (m.kind === 'response' ? m.status : m.method))).toEqual([100, 200]);
    expect(headerValues(heard[1]!, 'Contact')).toEqual(['<sip:2003@10.0.0.9:5080>;expires=60']);
    expect(headerValue(heard[1]!, 'Content-Type')).toBe(null);
    say(foreignRegister('2003', 2, '*').replace('Expires: 60', 'Expires: 0'));
    say(foreignRegister('9999', 3));
    say(
      `OPTIONS sip:10.0.0.1 SIP/2.0${foreignRegister('2003', 4).slice('REGISTER sip:10.0.0.1 SIP/2.0'.length).replace('4 REGISTER', '4 OPTIONS')}`,
    );
    say(foreignRegister('2003', 5).replace('From:', 'Subject:'));
    world.until(3);
    expect(heard.slice(2).map((m) => (m.kind === 'response' ? m.status : m.method))).toEqual([
      100, 200, 100, 404, 200, 400,
    ]);
    expect(world.outcomes()).toEqual(['registered', 'unregistered', 'rejected']);
  });

  it('asks for the password, and for a fresh nonce after ten minutes', () => {
    const world = new World({ digest: { realm: 'ccmsipline' } });
    const number = '2000';
    world.devices.change(NAME, {
      lines: [{ directoryNumber: number, label: '', displayName: '', authName: number, authPassword: 'secret' }],
    });
    const right = world.station(0, { settings: sipSettingsFor(number, 'secret') });
    world.until(700);
    expect(right.of('registered').length).toBe(1);
    expect(world.manager.counters).toMatchObject({ challenges: 2, registered: 1, silent: 0 });
    const wrong = world.station(0, { settings: sipSettingsFor(number, 'guess'), address: 0x0a00_0007 });
    world.until(702);
    expect(wrong.of('rejected')).toMatchObject([{ text: 'Unauthorized' }]);
    expect(world.manager.counters.registered).toBe(1);
  });

  it('answers standby connections and tokens', () => {
    const world = new World();
    const station = new SipStation(world.timeline, { mac: FIRST_MAC, number: '2000' });
    const connected = () => station.input({ kind: 'connected', ownAddress: 0x0a00_0005, ownPort: 50_000 });
    station.connected = connected;
    station.dial(world.network);
    world.until(250);
    expect(world.manager.counters.keepalives).toBe(2);
    world.manager.tokens = 60;
    station.input({ kind: 'request-token' });
    world.until(251);
    world.manager.tokens = 'grant';
    station.input({ kind: 'request-token' });
    world.until(252);
    expect(station.of('token').map(({ answer, waitSeconds }) => [answer, waitSeconds])).toEqual([
      ['refused', 60],
      ['granted', 0],
    ]);
  });

  it.each([
    ['fin', 'closed'],
    ['rst', 'reset'],
  ] as const)('stops by %s', (how, why) => {
    const world = new World();
    const stations = [world.station(0), world.station(1)];
    world.until(1);
    world.manager.stop(how);
    world.until(2);
    expect(stations.map((station) => station.of('lost'))).toEqual([[{ kind: 'lost', why }], [{ kind: 'lost', why }]]);
    expect(world.manager.counters.registered).toBe(0);
    world.manager.start();
    world.station(2);
    world.until(3);
    expect(world.manager.counters.registered).toBe(1);
  });

  it('over UDP repeats a NOTIFY until it is answered', () => {
    const timeline = new VirtualTimeline();
    const network = new DirectNetwork(timeline);
    const devices = new DeviceTable();
    const line = { directoryNumber: '2003', label: '', displayName: '' };
    devices.add({ name: NAME, model: '8861', deviceType: 685, protocol: 'sip', lines: [line] });
    const server = network.host(ADDRESS);
    const sockets = Object.assign(server, { listen: () => ({ close: () => {} }) });
    const manager = new SipCallManager({ name: 'cm1', node: '10.0.0.1', timeline, sockets, devices });
    manager.start();
    const heard: { at: number; text: string }[] = [];
    const phone = network.host(0x0a00_0009).udp(5080, (now, payload) => {
      heard.push({ at: now / SECOND, text: Buffer.from(payload).toString('latin1') });
    })!;
    const to = { address: ADDRESS, port: 5060 };
    phone.send(0, to, Buffer.from(foreignRegister('2003').replace('/TCP', '/UDP').replaceAll('\n', '\r\n')));
    timeline.runUntil(SECOND);
    expect(manager.isRegistered(NAME)).toBe(true);
    heard.length = 0;
    manager.setMessageWaiting(NAME, true);
    timeline.runUntil(5 * SECOND);
    expect(heard.map(({ at }) => at - 1.001)).toEqual([0, 0.5, 1.5, 3.5].map((at) => expect.closeTo(at, 3)));
    const via = /Via: [^\r]*/.exec(heard[0]!.text)![0];
    const callId = /Call-ID: [^\r]*/.exec(heard[0]!.text)![0];
    const answer = ['SIP/2.0 200 OK', via, 'From: <sip:a@b>', 'To: <sip:c@d>', callId, 'CSeq: 101 NOTIFY', '', ''];
    phone.send(timeline.now(), to, Buffer.from(answer.join('\r\n')));
    timeline.runUntil(60 * SECOND);
    expect(heard.length).toBe(4);
  });

  it('forgets everything of phones that come and go', () => {
    const world = new World();
    for (let k = 0; k < 500; k++) {
      const station = world.station(k % 10);
      world.until(k + 0.5);
      // Every second one is simply there when its device comes back, and superseded.
      if (k % 2 === 0) station.input({ kind: 'unregister' });
      world.until(k + 1);
    }
    world.until(2000);
    expect(world.manager.counters.open).toBeLessThanOrEqual(10);
    expect(world.manager.counters.registered).toBeLessThanOrEqual(10);
  });
});
