import { pathToFileURL } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { modelNamed } from '../device/models.ts';
import { SccpClient, type SccpOut } from '../firmware/protocols/sccp.ts';
import * as sccp from '../firmware/wire/sccp/message.ts';
import { MILLISECOND, SECOND } from '../hal/timer.ts';
import { tunableValues } from '../hal/tunables.ts';
import { SeededRng } from '../hal/virtual/rng.ts';
import { VirtualTimeline } from '../hal/virtual/timeline.ts';
import { CallManager } from '../lab/call-manager/call-manager.ts';
import { DeviceTable } from '../lab/device-table.ts';
import { type BenchResult, type BenchRow, formatBench } from './bench-result.ts';
import { MemoryTcp } from './support/memory-tcp.ts';
import { SccpStation } from './support/sccp-station.ts';

const FIRST_MAC = 0x0200_5e00_0000;
const PHONES = 20_000;
const KEEPALIVE_ROUNDS = 5;

function world(phones: number) {
  const timeline = new VirtualTimeline();
  const network = new MemoryTcp(timeline, 0x0a00_0001, MILLISECOND);
  const devices = new DeviceTable();
  devices.addRange({
    firstMac: FIRST_MAC,
    count: phones,
    firstNumber: 100_000,
    lineCount: 2,
    model: '7975',
    deviceType: 437,
    speedDials: [{ number: '600', label: 'Echo' }],
  });
  const manager = new CallManager({ name: 'cm1', timeline, sockets: network, devices });
  manager.start();
  return { timeline, network, manager };
}

/** Heap after collection, in octets. */
function heap(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function registerAll(phones: number): BenchRow[] {
  const { timeline, network, manager } = world(phones);
  const empty = heap();
  const stations: SccpStation[] = [];
  const start = process.cpuUsage();
  for (let k = 0; k < phones; k++) {
    const station = new SccpStation(timeline, { mac: FIRST_MAC + k, hear: () => {} });
    stations.push(station);
    station.dial(network);
    if (k % 100 === 99) timeline.runUntil(timeline.now() + 100 * MILLISECOND);
  }
  timeline.runUntil(timeline.now() + 2 * SECOND);
  const used = process.cpuUsage(start);
  const cpu = (used.user + used.system) / phones;
  if (manager.counters.registered !== phones) throw new Error(`only ${manager.counters.registered} registered`);
  const slope = (heap() - empty) / phones;
  const before = process.cpuUsage();
  timeline.runUntil(timeline.now() + KEEPALIVE_ROUNDS * 30 * SECOND);
  const keepalive = process.cpuUsage(before);
  const perKeepalive = (keepalive.user + keepalive.system) / (phones * KEEPALIVE_ROUNDS);
  if (manager.counters.registered !== phones) throw new Error('phones were lost');
  if (stations.length !== phones) throw new Error('stations were lost');
  return [
    { metric: 'registration dialogue, phone and server', value: cpu, unit: 'us', aim: '<= 200' },
    { metric: 'heap a registered phone, with session, sockets and alarm', value: slope, unit: 'octets' },
    { metric: 'keepalive and answer', value: perKeepalive, unit: 'us' },
  ];
}

/** The server's segments of one registration, in order. */
function recordedAnswers(): Uint8Array[] {
  const { timeline, network } = world(1);
  const segments: Uint8Array[] = [];
  const station = new SccpStation(timeline, { mac: FIRST_MAC });
  const data = station.data.bind(station);
  station.data = (now, octets) => {
    segments.push(octets.slice());
    data(now, octets);
  };
  station.dial(network);
  timeline.runUntil(5 * SECOND);
  return segments;
}

/** The client alone, fed with what a server said to another phone of its kind. */
function phoneAlone(): BenchRow {
  const segments = recordedAnswers();
  const timeline = new VirtualTimeline();
  const value = timed(10_000, () => {
    let registered = false;
    const hear = (_now: number, out: SccpOut) => {
      registered ||= out.kind === 'registered';
    };
    const station = new SccpStation(timeline, { mac: FIRST_MAC, hear });
    station.connected();
    for (const octets of segments) station.data(0, octets);
    if (!registered) throw new Error('not registered');
    station.gone(0, 'closed');
  });
  return { metric: 'registration dialogue, phone alone', value, unit: 'us' };
}

/** Heap of a client that is registered and idle. */
function clientHeap(): BenchRow {
  const segments = recordedAnswers();
  const count = 5_000;
  const model = modelNamed('7975')!;
  const tunables = tunableValues();
  const rng = new SeededRng(1);
  const clients: SccpClient[] = [];
  const before = heap();
  for (let k = 0; k < count; k++) {
    const client = new SccpClient({ model, deviceName: '', mac: FIRST_MAC, load: '', tunables, rng });
    clients.push(client);
    const drain = () => client.dispatch(0, () => {});
    client.process(0, { kind: 'connected', ownAddress: 0x0a00_0005 });
    client.process(0, { kind: 'register', alarm: { reason: 'initialized' }, versionStamp: '' });
    drain();
    for (const octets of segments) {
      client.process(0, { kind: 'data', octets });
      drain();
    }
  }
  const value = (heap() - before) / count;
  if (clients.some(({ state }) => state !== 'registered')) throw new Error('not registered');
  return { metric: 'heap a registered client machine', value, unit: 'octets', aim: '<= 2,048' };
}

/** Microseconds of CPU a call. */
function timed(calls: number, action: () => void): number {
  for (let k = 0; k < calls / 10; k++) action();
  const start = process.cpuUsage();
  for (let k = 0; k < calls; k++) action();
  const used = process.cpuUsage(start);
  return (used.user + used.system) / calls;
}

function codec(): BenchRow[] {
  const line: sccp.Outgoing = {
    type: 'LineStatDynamicRes',
    lineInstance: 1,
    dirNumber: '100001',
    fullyQualifiedDisplayName: 'Phone 100001',
    label: '100001',
  };
  const frame = sccp.encode(line);
  const keys = Array.from({ length: 20 }, (_, k) => ({ label: String.fromCharCode(0x80, k + 1), event: k + 1 }));
  const template = sccp.encode({ type: 'SoftKeyTemplateRes', keys });
  return [
    { metric: 'parse LineStat', value: timed(200_000, () => sccp.parse(frame)), unit: 'us' },
    { metric: 'emit LineStat', value: timed(200_000, () => sccp.encode(line)), unit: 'us' },
    { metric: 'parse SoftKeyTemplate', value: timed(50_000, () => sccp.parse(template)), unit: 'us' },
  ];
}

export async function run(): Promise<BenchResult> {
  registerAll(2_000);
  return { name: 'sccp', rows: [...registerAll(PHONES), phoneAlone(), clientHeap(), ...codec()] };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) console.log(formatBench(await run()));
