import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type BenchResult, type BenchRow, formatBench } from './bench-result.ts';
import { runPeer } from './support/packet-peer.ts';

const FRAMES = 400_000;
const OFFERED = 300_000;
const ROUND_TRIPS = 5_000;
const NAMESPACE = `sepia-bench-${process.pid}`;
/** The peers are this file again, in processes of their own. */
const SELF = fileURLToPath(import.meta.url);

interface Peer {
  readonly process: ChildProcess;
  /** The next object that it prints. */
  readonly next: () => Promise<Record<string, number>>;
}

function ip(...args: readonly string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

function peer(...args: readonly (string | number)[]): Peer {
  const command = [
    'netns',
    'exec',
    NAMESPACE,
    process.execPath,
    ...process.execArgv,
    SELF,
    'peer',
    ...args.map(String),
  ];
  const child = spawn('ip', command, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    process: child,
    next: async () => {
      const { value, done } = await lines.next();
      if (done) throw new Error(`peer ${args.join(' ')} ended early`);
      return JSON.parse(value) as Record<string, number>;
    },
  };
}

/** `rate` 0: as fast as the sender can. */
async function oneWay(rate: number): Promise<{ sent: Record<string, number>; received: Record<string, number> }> {
  const receiver = peer('receive', 'right', FRAMES, 0, 0);
  await receiver.next();
  const sender = peer('send', 'left', FRAMES, rate, 0);
  const sent = await sender.next();
  const received = await receiver.next();
  return { sent, received };
}

async function roundTrip(pollMicroseconds: number): Promise<number> {
  const echo = peer('echo', 'right', 0, 0, 0);
  await echo.next();
  const { microseconds } = await peer('lockStep', 'left', ROUND_TRIPS, 0, pollMicroseconds).next();
  echo.process.stdin!.end();
  await once(echo.process, 'exit');
  return microseconds!;
}

/** Frames a second through af-packet over a veth pair in a namespace of its own; 100 octets each, two processes. */
export async function run(): Promise<BenchResult> {
  if (process.getuid?.() !== 0) return { name: 'af-packet: not measured, needs root', rows: [] };
  try {
    ip('netns', 'add', NAMESPACE);
  } catch {
    return { name: 'af-packet: not measured, no network namespaces here', rows: [] };
  }
  try {
    ip('-n', NAMESPACE, 'link', 'add', 'left', 'type', 'veth', 'peer', 'name', 'right');
    for (const name of ['left', 'right']) ip('-n', NAMESPACE, 'link', 'set', name, 'up');
    return { name: 'af-packet over veth, 100-octet frames', rows: await measure() };
  } finally {
    ip('netns', 'del', NAMESPACE);
  }
}

async function measure(): Promise<BenchRow[]> {
  const fast = await oneWay(0);
  const paced = await oneWay(OFFERED);
  const loss = (one: typeof fast) => (100 * (one.sent.sentFrames! - one.received.received!)) / one.sent.sentFrames!;
  return [
    { metric: 'send, as fast as it goes', value: fast.sent.sentFrames! / fast.sent.seconds!, unit: 'frames/s' },
    { metric: 'received of these', value: fast.received.received! / fast.received.seconds!, unit: 'frames/s' },
    { metric: 'loss at that rate', value: loss(fast), unit: '%' },
    { metric: 'offered', value: paced.sent.sentFrames! / paced.sent.seconds!, unit: 'frames/s' },
    { metric: 'loss at that rate, offered 0.3 million/s', value: loss(paced), unit: '%', aim: '0' },
    {
      metric: 'receiver, CPU a frame',
      value: paced.received.cpuMicroseconds! / paced.received.received!,
      unit: 'us',
      aim: '<= 3',
    },
    { metric: 'round trip in lock step, peer asleep, sleeping', value: await roundTrip(0), unit: 'us' },
    { metric: 'the same, polling 200 us after a transmission', value: await roundTrip(200), unit: 'us' },
  ];
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [mode, ...rest] = process.argv.slice(2);
  if (mode === 'peer') await runPeer(rest);
  else process.stdout.write(`${formatBench(await run())}\n`);
}
