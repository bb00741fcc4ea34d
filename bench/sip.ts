import { createHash } from 'node:crypto';
import { pathToFileURL } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { modelNamed } from '../device/models.ts';
import { isMalformed } from '../firmware/malformed.ts';
import type { CallMedia } from '../firmware/protocols/calls.ts';
import { SipClient } from '../firmware/protocols/sip.ts';
import { encode, type Message, parse } from '../firmware/wire/sip/message.ts';
import { judgeRequest } from '../firmware/wire/sip/validity.ts';
import type { Key } from '../hal/panel.ts';
import { MILLISECOND, SECOND } from '../hal/timer.ts';
import { tunableValues } from '../hal/tunables.ts';
import { SeededRng } from '../hal/virtual/rng.ts';
import { VirtualTimeline } from '../hal/virtual/timeline.ts';
import { DeviceTable } from '../lab/device-table.ts';
import { SipCallManager } from '../lab/sip-call-manager/sip-call-manager.ts';
import { type BenchResult, type BenchRow, formatBench } from './bench-result.ts';
import { MemoryTcp } from './support/memory-tcp.ts';
import { SipStation, sipSettingsFor } from './support/sip-station.ts';

const FIRST_MAC = 0x0200_5e00_0000;
const FIRST_NUMBER = 100_000;
const PHONES = 40_000;
const REFRESH_ROUNDS = 3;
const CALLS = 2_000;
/** What the lab grants, less the delta. */
const REFRESH_SECONDS = 115;

function world(phones: number) {
  const timeline = new VirtualTimeline();
  const network = new MemoryTcp(timeline, 0x0a00_0001, MILLISECOND);
  const devices = new DeviceTable();
  devices.addRange({
    firstMac: FIRST_MAC,
    count: phones,
    firstNumber: FIRST_NUMBER,
    lineCount: 1,
    model: '8861',
    deviceType: 685,
    protocol: 'sip',
  });
  const manager = new SipCallManager({ name: 'cm1', node: '10.0.0.1', timeline, sockets: network, devices });
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
  const stations: SipStation[] = [];
  const start = process.cpuUsage();
  for (let k = 0; k < phones; k++) {
    const station = new SipStation(timeline, { mac: FIRST_MAC + k, number: `${FIRST_NUMBER + k}`, hear: () => {} });
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
  timeline.runUntil(timeline.now() + REFRESH_ROUNDS * REFRESH_SECONDS * SECOND);
  const refresh = process.cpuUsage(before);
  if (manager.counters.registered !== phones) throw new Error('phones were lost');
  if (stations.length !== phones) throw new Error('stations were lost');
  return [
    {
      metric: `registrations a second, ${phones.toLocaleString('en')} phones and the lab`,
      value: 1e6 / cpu,
      unit: '/s',
    },
    { metric: 'registration with REFER and its answer, phone and server', value: cpu, unit: 'us' },
    { metric: 'heap a registered phone, with its server record, sockets and alarm', value: slope, unit: 'octets' },
    {
      metric: 'refresh and answer',
      value: (refresh.user + refresh.system) / manager.counters.refreshes,
      unit: 'us',
    },
  ];
}

/** The server's segments of one registration, in order, and the phone's REGISTER. */
function recorded(): { readonly answers: Uint8Array[]; readonly register: Uint8Array } {
  const { timeline, network } = world(1);
  const answers: Uint8Array[] = [];
  const station = new SipStation(timeline, { mac: FIRST_MAC, number: `${FIRST_NUMBER}` });
  const data = station.data.bind(station);
  station.data = (now, octets) => {
    answers.push(octets.slice());
    data(now, octets);
  };
  let register: Uint8Array | null = null;
  const connect = network.connectFrom.bind(network);
  network.connectFrom = (address, port, sink) => {
    const socket = connect(address, port, sink);
    const write = socket.write.bind(socket);
    socket.write = (now, octets) => {
      register ??= octets.slice();
      return write(now, octets);
    };
    return socket;
  };
  station.dial(network);
  timeline.runUntil(5 * SECOND);
  return { answers, register: register! };
}

/** Audio that goes nowhere: what is measured is signalling. */
const SILENT: CallMedia = {
  open: () => ({ address: 0x0a00_0005, port: 16_384 }),
  send: () => ({ address: 0x0a00_0005, port: 16_384 }),
  stopSending: () => {},
  close: () => {},
  report: () => null,
};

/** Calls from off-hook to hung up, through the lab: both phones' machines and the switchboard between them. */
function callAll(pairs: number): BenchRow {
  const { timeline, network, manager } = world(2 * pairs);
  const stations = Array.from({ length: 2 * pairs }, (_, k) => {
    const station = new SipStation(timeline, {
      mac: FIRST_MAC + k,
      number: `${FIRST_NUMBER + k}`,
      media: SILENT,
      hear: () => {},
    });
    station.dial(network);
    return station;
  });
  const press = (station: SipStation | undefined, keys: readonly Key[]) => {
    for (const key of keys) station!.input({ kind: 'key', key });
  };
  const step = () => timeline.runUntil(timeline.now() + SECOND);
  step();
  const start = process.cpuUsage();
  for (let k = 0; k < pairs; k++) press(stations[2 * k], [...`${FIRST_NUMBER + 2 * k + 1}#`] as Key[]);
  step();
  for (let k = 0; k < pairs; k++) press(stations[2 * k + 1], ['hookOff']);
  step();
  for (let k = 0; k < pairs; k++) press(stations[2 * k], ['hookOn']);
  step();
  const used = process.cpuUsage(start);
  const { answered } = manager.switchboard.counters;
  if (answered !== pairs || manager.switchboard.legs > 0) throw new Error(`${answered} of ${pairs} calls answered`);
  const value = (1e6 * pairs) / (used.user + used.system);
  return { metric: 'calls a second without audio, both phones and the lab', value, unit: '/s' };
}

/** Heap of client machines that are registered and idle. */
function clientHeap(answers: readonly Uint8Array[]): BenchRow {
  const count = 5_000;
  const model = modelNamed('8861')!;
  const tunables = tunableValues();
  const settings = sipSettingsFor(`${FIRST_NUMBER}`);
  const hash = (octets: Uint8Array) => createHash('md5').update(octets).digest();
  const clients: SipClient[] = [];
  const before = heap();
  for (let k = 0; k < count; k++) {
    const client = new SipClient({
      model,
      deviceName: 'SEP02005E000000',
      mac: FIRST_MAC,
      load: model.loads.sip!,
      inactiveLoad: '',
      settings,
      host: '10.0.0.1',
      tunables,
      // The same chance as the recorded phone's: the answers fit.
      rng: new SeededRng(FIRST_MAC),
      hash,
      calendar: () => 0,
    });
    clients.push(client);
    const drain = () => client.dispatch(0, () => {});
    client.process(0, { kind: 'connected', ownAddress: 0x0a00_0005, ownPort: 49_152 });
    client.process(0, { kind: 'register', alarm: { reason: 'initialized' }, versionStamp: '' });
    drain();
    for (const octets of answers) {
      client.process(0, { kind: 'data', octets });
      drain();
    }
  }
  const value = (heap() - before) / count;
  if (clients.some(({ state }) => state !== 'registered')) throw new Error('not registered');
  return { metric: 'heap a registered client machine, its chance included', value, unit: 'octets' };
}

/** Microseconds of CPU a call. */
function timed(calls: number, action: () => void): number {
  for (let k = 0; k < calls / 10; k++) action();
  const start = process.cpuUsage();
  for (let k = 0; k < calls; k++) action();
  const used = process.cpuUsage(start);
  return (used.user + used.system) / calls;
}

function codec(register: Uint8Array): BenchRow[] {
  const m = parse(register) as Message;
  if (isMalformed(m) || m.kind !== 'request') throw new Error('no REGISTER');
  return [
    {
      metric: `parse a first REGISTER of ${register.length} octets`,
      value: timed(50_000, () => parse(register)),
      unit: 'us',
    },
    { metric: 'judge it', value: timed(50_000, () => judgeRequest(m)), unit: 'us' },
    { metric: 'emit it', value: timed(50_000, () => encode(m)), unit: 'us' },
  ];
}

export async function run(): Promise<BenchResult> {
  registerAll(2_000);
  callAll(200);
  const { answers, register } = recorded();
  return { name: 'sip', rows: [...registerAll(PHONES), callAll(CALLS), clientHeap(answers), ...codec(register)] };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) console.log(formatBench(await run()));
