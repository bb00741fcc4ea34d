/** Call managers that are out of order: a clear status, the next one, and nothing left behind. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import type { TcpSink, TcpSocket } from '../../firmware/net/sockets.ts';
import * as sccp from '../../firmware/wire/sccp/message.ts';
import { SECOND } from '../../hal/timer.ts';
import { TestWorld, type TestWorldOptions } from '../support/test-world.ts';

type Protocol = 'sccp' | 'sip';

const PORTS = { sccp: 2000, sip: 5060 } as const;

/** What the call manager does with each connection. */
type Manner = (socket: TcpSocket, now: number) => void;

const octets = (text: string): Uint8Array => Uint8Array.from(text, (letter) => letter.charCodeAt(0));

/** A world whose first call manager is replaced by one with these manners. */
function worldWith(protocol: Protocol, manner: Manner, options: TestWorldOptions = {}) {
  const world = new TestWorld({ model: protocol === 'sip' ? '8861' : '7975', protocol, ...options });
  const own = protocol === 'sip' ? world.lab.sipCallManagers[0]! : world.lab.callManagers[0]!;
  own.stop('fin');
  const count = { connections: 0, open: 0 };
  world.lab.machine('cm1').host.listen(PORTS[protocol], (_now, socket) => {
    count.connections++;
    count.open++;
    let said = false;
    const sink: TcpSink = {
      connected() {},
      data(now) {
        if (!said) manner(socket, now);
        said = true;
      },
      ended: (now) => socket.close(now),
      writable() {},
      gone: () => {
        count.open--;
      },
    };
    return sink;
  });
  return { world, count };
}

function write(...pieces: readonly Uint8Array[]): Manner {
  return (socket, now) => {
    for (const piece of pieces) socket.write(now, piece);
  };
}

const DIALECT: sccp.Dialect = { version: 22, headerVersion: 22, utf8: true };
const KEEPALIVE_ACK = sccp.encode({ type: 'KeepAliveAck' }, DIALECT);
const STRANGE_RESPONSE = 'SIP/2.0 200 OK\r\nVia: SIP/2.0/TCP 1.2.3.4;branch=z9hG4bKnone\r\nContent-Length: 0\r\n\r\n';

/** Id 0x7777, which nobody knows, without a body. */
const UNKNOWN = Uint8Array.of(4, 0, 0, 0, 0, 0, 0, 0, 0x77, 0x77, 0, 0);

/** `within`: seconds from the first word to the registration with the second. */
const MANNERS: readonly {
  what: string;
  protocols: readonly Protocol[];
  manner: Manner;
  within: number;
  why: string;
}[] = [
  { what: 'says nothing', protocols: ['sccp', 'sip'], manner: () => {}, within: 33, why: 'register-timeout' },
  { what: 'closes', protocols: ['sccp', 'sip'], manner: (socket, now) => socket.close(now), within: 1, why: 'closed' },
  { what: 'resets', protocols: ['sccp', 'sip'], manner: (socket, now) => socket.abort(now), within: 1, why: 'reset' },
  {
    what: 'says half a message',
    protocols: ['sccp'],
    manner: write(Uint8Array.of(0x18, 0, 0, 0, 0, 0)),
    within: 33,
    why: 'register-timeout',
  },
  {
    what: 'says half a message',
    protocols: ['sip'],
    manner: write(octets('SIP/2.0 200 OK\r\nContent-Length: 500\r\n\r\nhalf')),
    within: 33,
    why: 'register-timeout',
  },
  {
    what: 'floods the phone with answers to nothing',
    protocols: ['sccp'],
    manner: write(...Array.from({ length: 2000 }, () => KEEPALIVE_ACK)),
    within: 33,
    why: 'register-timeout',
  },
  {
    what: 'floods the phone with answers to nothing',
    protocols: ['sip'],
    manner: write(...Array.from({ length: 500 }, () => octets(STRANGE_RESPONSE))),
    within: 33,
    why: 'register-timeout',
  },
  {
    what: 'says what nobody knows',
    protocols: ['sccp'],
    manner: write(UNKNOWN, UNKNOWN, UNKNOWN),
    within: 33,
    why: 'register-timeout',
  },
  {
    what: 'announces a message of megabytes',
    protocols: ['sccp'],
    manner: write(Uint8Array.of(0, 0, 0x80, 0, 0, 0, 0, 0, 0x81, 0, 0, 0)),
    within: 1,
    why: 'framing',
  },
  {
    what: 'announces a message of megabytes',
    protocols: ['sip'],
    manner: write(octets('SIP/2.0 200 OK\r\nContent-Length: 99999999\r\n\r\n')),
    within: 1,
    why: 'framing',
  },
  {
    what: 'speaks another protocol',
    protocols: ['sccp'],
    manner: write(octets('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n')),
    within: 1,
    why: 'framing',
  },
];

describe.each(['sccp', 'sip'] as const)('a phone with %s, registering with a call manager that', (protocol) => {
  it.each(MANNERS.filter(({ protocols }) => protocols.includes(protocol)))('$what', ({ manner, within, why }) => {
    const { world, count } = worldWith(protocol, manner);
    world.powerOn(0);
    expect(world.runUntil('callmanager.connect')).toMatchObject({ outcome: 'connected', host: '10.100.0.11' });
    const from = world.timeline.now();
    expect(world.runUntil('registration.accepted').host).toBe('10.100.0.12');
    expect((world.timeline.now() - from) / SECOND).toBeLessThanOrEqual(within);
    expect(world.all('registration.failed')).toEqual([{ host: '10.100.0.11', reason: why }]);
    expect(world.all('fault')).toEqual([]);
    // One connection goes to it again, to see whether it is better; nothing else is left.
    world.run(30);
    expect(count.open).toBeLessThanOrEqual(1);
  });
});

describe('a phone that takes unknown messages as real ones do', () => {
  it('closes the connection, and says 32 at the next call manager', () => {
    const alarms: string[] = [];
    const { world } = worldWith('sccp', write(UNKNOWN), {
      tunables: { 'sccp.unknownMessage': 'fatal' },
      lab: {
        events: (_at, event) => {
          if (event.type === 'alarm') alarms.push(event.text);
        },
      },
    });
    world.powerOn(0);
    expect(world.runUntil('registration.accepted').host).toBe('10.100.0.12');
    expect(alarms).toEqual([
      `32: Name=${world.phone.board.deviceName} Load= 9.4(2SR3.1S) : Invalid SCCP message! : ID :7777:`,
    ]);
  });
});

describe('a second phone of the same name', () => {
  it('takes the registration, and the first goes to the second call manager and comes back for it', () => {
    const world = new TestWorld();
    world.powerOn(0);
    world.runUntil('registration.accepted');
    world.run(5);
    const [first] = world.lab.callManagers;
    const { deviceName, model } = world.phone.board;
    const { host } = world.lab.machine('dns');
    const fields = { deviceName, deviceType: model.deviceType, protocolVer: 22 };
    const register = sccp.encode({ type: 'RegisterReq', ...fields } as sccp.Outgoing, DIALECT);
    let gone: string | null = null;
    const other = host.connect(
      world.timeline.now(),
      { address: world.lab.machine('cm1').host.address, port: 2000 },
      {
        connected: (now) => void other.write(now, register),
        data() {},
        ended: (now) => other.close(now),
        writable() {},
        gone: (_now, why) => {
          gone = why;
        },
      },
    );
    expect(world.runUntil('registration.lost', 2)).toMatchObject({ host: '10.100.0.11', reason: 'closed' });
    expect(world.runUntil('registration.accepted', 2).host).toBe('10.100.0.12');
    expect(first!.counters.superseded).toBe(1);
    expect(world.runUntil('registration.accepted', 300).host).toBe('10.100.0.11');
    world.run(2);
    expect(gone).toBe('closed');
    expect(first!.counters).toMatchObject({ registered: 1, registrations: 2 });
    expect(world.all('fault')).toEqual([]);
  });
});

describe('ten thousand connections in vain', () => {
  it.each(['sccp', 'sip'] as const)('leave nothing behind (%s)', (protocol) => {
    const { world, count } = worldWith(protocol, (socket, now) => socket.close(now), {
      tunables: { 'callmanager.roundWait': 1, 'callmanager.roundWaitMax': 1 },
      lab: { callManagers: 1 },
    });
    world.powerOn(0);
    const heapAfter = (connections: number): number => {
      while (count.connections < connections) {
        world.run(60);
        world.events.length = 0;
      }
      collect();
      return process.memoryUsage().heapUsed;
    };
    const early = heapAfter(1_000);
    const late = heapAfter(10_000);
    // 1 MiB for 9,000 connections: a leaked socket alone would be three times that.
    expect(late - early).toBeLessThan(1_048_576);
    expect(count.open).toBeLessThanOrEqual(1);
    // What lingers in TIME-WAIT on either side is bounded.
    expect(world.lab.machine('cm1').host.stack.connectionCount).toBeLessThanOrEqual(64);
    expect(world.screen()).toContain('Phone not registered');
  });
});

/** Two full collections, so that what only one of them frees is gone too. */
function collect(): void {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  gc();
  gc();
}
