/** One end of the af-packet bench, in a process of its own in the bench's network namespace. */
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { AfPacketWire } from '../../hal/host/af-packet.ts';

const FRAME_OCTETS = 100;
const MAC = 0x02005e000001;
/** Long after the last frame on a wire that takes microseconds. */
const QUIET_MILLISECONDS = 500;
const GIVE_UP_MILLISECONDS = 20_000;

interface Task {
  readonly wire: AfPacketWire;
  readonly count: number;
  /** Frames a second; 0 is as fast as it goes. */
  readonly rate: number;
}

const ROLES: Readonly<Record<string, (task: Task) => Promise<object>>> = { receive, send, echo, lockStep };

const frame = new Uint8Array(FRAME_OCTETS);
frame.set([0x02, 0x00, 0x5e, 0, 0, 1, 0x02, 0x00, 0x5e, 0, 0, 2, 0x88, 0xb5]);

/** `[role, interface, count, rate, pollMicroseconds]`. Prints one JSON object when it is through. */
export async function runPeer([role = '', name = '', ...numbers]: readonly string[]): Promise<void> {
  const [count = 0, rate = 0, pollMicroseconds = 0] = numbers.map(Number);
  const wire = AfPacketWire.open({ interface: name, macs: [MAC], pollMicroseconds });
  const result = await ROLES[role]!({ wire, count, rate });
  await wire.close();
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

/** Counts until nothing more comes. */
async function receive({ wire, count }: Task): Promise<object> {
  let received = 0;
  let first = 0;
  let last = 0;
  wire.attach({
    frame: () => {
      last = performance.now();
      if (received++ === 0) first = last;
    },
    link: () => {},
  });
  const before = process.cpuUsage();
  const deadline = performance.now() + GIVE_UP_MILLISECONDS;
  process.stdout.write('{"ready":true}\n');
  while (performance.now() < deadline && received < count) {
    await sleep(20);
    if (received > 0 && performance.now() - last > QUIET_MILLISECONDS) break;
  }
  const { user, system } = process.cpuUsage(before);
  return { received, seconds: (last - first) / 1_000, cpuMicroseconds: user + system, ...wire.counters() };
}

/** At `rate`, as evenly as the event loop allows. */
async function send({ wire, count, rate }: Task): Promise<object> {
  wire.attach({ frame: () => {}, link: () => {} });
  const start = performance.now();
  let sent = 0;
  while (sent < count) {
    const due = rate === 0 ? sent + 64 : Math.floor(((performance.now() - start) / 1_000) * rate);
    for (const end = Math.min(due, count); sent < end; sent++) wire.transmit(frame, FRAME_OCTETS);
    await turn();
  }
  const seconds = (performance.now() - start) / 1_000;
  await sleep(10);
  return { seconds, ...wire.counters() };
}

/** Sends everything back, until standard input ends. */
async function echo({ wire }: Task): Promise<object> {
  wire.attach({
    frame: (bytes, length) => {
      bytes.set([0x02, 0x00, 0x5e, 0, 0, 3]);
      wire.transmit(bytes, length);
    },
    link: () => {},
  });
  process.stdout.write('{"ready":true}\n');
  await new Promise((resolve) => process.stdin.once('end', resolve).resume());
  return {};
}

/** One frame in flight at a time, as TFTP does. */
async function lockStep({ wire, count }: Task): Promise<object> {
  wire.setMacs([0x02005e000003]);
  let left = count;
  const start = performance.now();
  await new Promise<void>((resolve) => {
    wire.attach({
      frame: () => {
        if (--left === 0) resolve();
        else wire.transmit(frame, FRAME_OCTETS);
      },
      link: () => {},
    });
    wire.transmit(frame, FRAME_OCTETS);
  });
  return { microseconds: ((performance.now() - start) * 1_000) / count };
}
