import { performance } from 'node:perf_hooks';
import { pathToFileURL } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { TcpSink } from '../firmware/net/sockets.ts';
import { Stack } from '../firmware/net/stack.ts';
import * as arp from '../firmware/wire/arp.ts';
import * as ethernet from '../firmware/wire/ethernet.ts';
import * as ipv4 from '../firmware/wire/ipv4.ts';
import * as tcp from '../firmware/wire/tcp.ts';
import * as udp from '../firmware/wire/udp.ts';
import type { Nic } from '../hal/nic.ts';
import { SeededRng } from '../hal/virtual/rng.ts';
import { type BenchResult, type BenchRow, formatBench } from './bench-result.ts';

const OWN = { mac: 0x0200_5e00_0001, address: 0x0a00_0001 };
const PEER = { mac: 0x0200_5e00_0002, address: 0x0a00_0002 };
const PORT = 2000;
const FRAMES = 200_000;
const PAYLOAD = 100;
const { syn: SYN, ack: ACK, psh: PSH } = tcp.FLAG;

/** A NIC whose one buffer is overwritten by each frame sent. */
class BenchNic implements Nic {
  readonly mac = OWN.mac;
  readonly buffer = new Uint8Array(1518);
  sent = 0;
  onSent: ((frame: Uint8Array, length: number) => void) | null = null;

  link() {
    return { up: true, speed: 100, fullDuplex: true };
  }

  transmit(length: number, fill: (frame: Uint8Array) => void): boolean {
    this.buffer.fill(0, 0, length);
    fill(this.buffer);
    this.sent++;
    this.onSent?.(this.buffer, length);
    return true;
  }

  setFilter(): void {}

  counters() {
    return {
      transmittedFrames: this.sent,
      transmittedOctets: 0,
      receivedFrames: 0,
      receivedOctets: 0,
      filteredFrames: 0,
      ringDrops: 0,
    };
  }
}

function createStack(nic: Nic, neighbors = 8): Stack {
  const stack = new Stack({ nic, rng: new SeededRng(1), neighbors, tcp: { backlog: 100_000 } });
  stack.setVlan(0, { vlan: null, priority: 0 });
  stack.setAddress(0, { address: OWN.address, prefixLength: 8, routers: [] });
  return stack;
}

function wrap(etherType: number, payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(Math.max(60, 14 + payload.length));
  ethernet.emitHeader(OWN.mac, PEER.mac, null, etherType, frame, 0);
  frame.set(payload, 14);
  return frame;
}

function packet(protocol: number, payload: Uint8Array, source = PEER.address): Uint8Array {
  const bytes = new Uint8Array(20 + payload.length);
  const header = { ...ipv4.blank(), timeToLive: 64, protocol, totalLength: bytes.length };
  bytes.set(payload, ipv4.emit({ ...header, source, destination: OWN.address }, bytes));
  return wrap(ethernet.ETHERTYPE.ipv4, bytes);
}

function segment(fields: Partial<tcp.Header>, payloadLength = 0): Uint8Array {
  const bytes = new Uint8Array(20 + payloadLength);
  tcp.emit({ ...tcp.blank(), destinationPort: PORT, window: 60_000, ...fields }, bytes);
  tcp.seal(bytes, 0, bytes.length, PEER.address, OWN.address);
  return packet(ipv4.PROTOCOL.tcp, bytes);
}

function meet(stack: Stack): void {
  const bytes = new Uint8Array(arp.PACKET_LENGTH);
  const request = { operation: arp.OPERATION.request, targetHardware: 0, targetProtocol: OWN.address };
  arp.emit({ ...request, senderHardware: PEER.mac, senderProtocol: PEER.address }, bytes);
  give(stack, 0, wrap(ethernet.ETHERTYPE.arp, bytes));
}

function give(stack: Stack, now: number, frame: Uint8Array): void {
  stack.process(now, frame, frame.length);
  stack.dispatch(now);
}

const SILENT: TcpSink = { connected: () => {}, data: () => {}, ended: () => {}, writable: () => {}, gone: () => {} };

/** The peer opens a connection from `port`; returns our first sequence number. */
function open(stack: Stack, nic: BenchNic, port: number): number {
  give(stack, 0, segment({ sourcePort: port, sequence: 0, flags: SYN }));
  const answer = tcp.parse(nic.buffer, 34, 24) as tcp.Segment;
  const acknowledgment = (answer.sequence + 1) >>> 0;
  give(stack, 0, segment({ sourcePort: port, sequence: 1, acknowledgment, flags: ACK }));
  return acknowledgment;
}

/** CPU time, best of three after one to warm up: other work of the machine only ever makes it slower. */
function microsecondsEach(count: number, round: () => void): number {
  let best = Number.POSITIVE_INFINITY;
  for (let time = 0; time < 4; time++) {
    const start = process.cpuUsage();
    round();
    const { user, system } = process.cpuUsage(start);
    best = Math.min(best, (user + system) / count);
  }
  return best;
}

function tcpIn(making: number): BenchRow[] {
  const rows: BenchRow[] = [];
  for (const answers of [false, true]) {
    let octets = 0;
    const times = microsecondsEach(FRAMES, () => {
      const nic = new BenchNic();
      const stack = createStack(nic);
      meet(stack);
      stack.listen(PORT, (_now, socket) => ({
        ...SILENT,
        data: (now, data) => {
          octets += data.length;
          if (answers) socket.write(now, data);
        },
      }));
      const acknowledgment = open(stack, nic, 50_000);
      for (let index = 0; index < FRAMES; index++) give(stack, index * 10, inOrder(index, acknowledgment, answers));
    });
    if (octets !== 4 * FRAMES * PAYLOAD) throw new Error(`${octets} octets arrived`);
    const metric = answers ? 'TCP segment in, sink, answer out' : 'TCP segment in, sink, delayed ACK';
    rows.push({ metric, value: times - making, unit: 'us', aim: '<= 2 us' });
  }
  return rows;
}

const template = segment({ sourcePort: 50_000, flags: ACK | PSH }, PAYLOAD);

/** The `index`th data segment of the connection, in the one template. */
function inOrder(index: number, acknowledgment: number, answers: boolean): Uint8Array {
  const at = 34;
  const sequence = (1 + index * PAYLOAD) >>> 0;
  const acknowledged = (acknowledgment + (answers ? index * PAYLOAD : 0)) >>> 0;
  template.set([sequence >>> 24, sequence >>> 16, sequence >>> 8, sequence], at + 4);
  template.set([acknowledged >>> 24, acknowledged >>> 16, acknowledged >>> 8, acknowledged], at + 8);
  tcp.seal(template, at, 20 + PAYLOAD, PEER.address, OWN.address);
  return template;
}

function makingFrames(): number {
  return microsecondsEach(FRAMES, () => {
    for (let index = 0; index < FRAMES; index++) inOrder(index, 1, true);
  });
}

function udpIn(): BenchRow {
  const nic = new BenchNic();
  const stack = createStack(nic);
  let heard = 0;
  stack.udp(69, () => heard++);
  const bytes = new Uint8Array(8 + PAYLOAD);
  udp.emit({ sourcePort: 1, destinationPort: 69, length: bytes.length, checksum: 0 }, bytes);
  udp.seal(bytes, 0, bytes.length, PEER.address, OWN.address);
  const frame = packet(ipv4.PROTOCOL.udp, bytes);
  const value = microsecondsEach(FRAMES, () => {
    for (let index = 0; index < FRAMES; index++) give(stack, index, frame);
  });
  if (heard !== 4 * FRAMES) throw new Error(`${heard} datagrams arrived`);
  return { metric: 'UDP datagram in, sink', value, unit: 'us', aim: '<= 2 us' };
}

/** Octets a second from one stack to another, acknowledgments included, on one core. */
function bulk(): BenchRow {
  const size = 50_000_000;
  const chunk = new Uint8Array(16_384);
  const megabytes = (): number => {
    const frames: { to: Stack; frame: Uint8Array }[] = [];
    const ends = [OWN, PEER].map(({ mac }, index) => {
      const nic = new BenchNic();
      Object.assign(nic, { mac });
      nic.onSent = (frame, length) => frames.push({ to: ends[1 - index]!, frame: frame.slice(0, length) });
      return new Stack({ nic, rng: new SeededRng(index) });
    }) as [Stack, Stack];
    ends.forEach((stack, index) => {
      stack.setVlan(0, { vlan: null, priority: 0 });
      stack.setAddress(0, { address: [OWN, PEER][index]!.address, prefixLength: 24, routers: [] });
    });
    let received = 0;
    ends[1].listen(PORT, () => ({ ...SILENT, data: (_now, data) => (received += data.length) }));
    const push = (now: number): void => {
      while (socket.write(now, chunk) === chunk.length);
    };
    const sink = { ...SILENT, connected: push, writable: push };
    const socket = ends[0].connect(0, { address: PEER.address, port: PORT }, sink);
    const start = performance.now();
    for (let now = 0; received < size; now += 10) {
      for (const stack of ends) stack.dispatch(now);
      for (const { to, frame } of frames.splice(0)) to.process(now, frame, frame.length);
    }
    return received / 1e6 / ((performance.now() - start) / 1000);
  };
  megabytes();
  return { metric: 'bulk transfer, both stacks on one core', value: megabytes(), unit: 'MB/s' };
}

function heapUsed(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  collect();
  const { heapUsed: heap, external, arrayBuffers } = process.memoryUsage();
  return heap + external + arrayBuffers;
}

function memory(): BenchRow[] {
  const nic = new BenchNic();
  const stack = createStack(nic);
  meet(stack);
  stack.listen(PORT, () => SILENT);
  for (let port = 1; port <= 1000; port++) open(stack, nic, port);
  const before = heapUsed();
  for (let port = 1001; port <= 41_000; port++) open(stack, nic, port);
  const after = heapUsed();
  if (stack.connectionCount !== 41_000) throw new Error(`${stack.connectionCount} connections`);
  const stacks: Stack[] = [];
  const shared = new BenchNic();
  const rng = new SeededRng(1);
  for (let count = 0; count < 100; count++) stacks.push(new Stack({ nic: shared, rng }));
  const beforeStacks = heapUsed();
  for (let count = 0; count < 5000; count++) stacks.push(new Stack({ nic: shared, rng }));
  const perStack = (heapUsed() - beforeStacks) / 5000;
  if (stacks.length !== 5100) throw new Error('unreachable');
  return [
    { metric: 'idle TCP connection', value: (after - before) / 40_000, unit: 'octets', aim: '< 1,024' },
    { metric: 'stack without sockets', value: perStack, unit: 'octets' },
  ];
}

export async function run(): Promise<BenchResult> {
  return { name: 'net', rows: [...tcpIn(makingFrames()), udpIn(), bulk(), ...memory()] };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) console.log(formatBench(await run()));
