import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ipv4Text } from '../../firmware/wire/address.ts';
import { MILLISECOND } from '../../hal/timer.ts';
import type { Impairment } from '../../hal/virtual/impair.ts';
import type { Daemon } from './support/daemon.ts';
import { eventually } from './support/eventually.ts';
import { KERNEL_PORTS } from './support/kernel-ports.ts';
import { expectedDigest } from './support/pattern.ts';
import { PeerNamespace } from './support/peer-namespace.ts';
import { complaints, Recorder, readCapture } from './support/tshark.ts';
import { type Conversation, WireHost } from './support/wire-host.ts';

const MAC = 0x0200_5e00_0077;
const OURS = 0x0a4d_0002;
const KERNEL = 0x0a4d_0001;

interface Report {
  readonly what: string | number;
  readonly octets: number;
  readonly digest: string;
  readonly ended: boolean;
  readonly error: string | null;
}

/** Checksums in full, or left to a card as the kernel does between namespaces and containers of one machine. */
describe.each([
  ['filled in', false],
  ['left open by the kernel', true],
] as const)("our TCP and the kernel's, checksums %s", (_name, checksumOffload) => {
  let peers: PeerNamespace;
  let kernel: Daemon;
  let ours: WireHost;

  beforeAll(async () => {
    peers = new PeerNamespace(`tcp${Number(checksumOffload)}`);
    peers.link('tcp0', 'kernel0', { addresses: [`${ipv4Text(KERNEL)}/24`], checksumOffload });
    kernel = peers.startNode('kernel peer', 'kernel-tcp-process.ts');
    await kernel.ready('listens', () => (kernel.log.includes('ready\n') ? true : null));
  });
  afterEach(() => ours?.close());
  afterAll(() => peers?.close());

  const open = async (impairment: Impairment = {}, seed = 1) => {
    ours = await new WireHost({ interface: 'tcp0', mac: MAC, address: OURS, impairment, seed }).linked();
  };
  const connect = async (port: number): Promise<Conversation> => {
    const conversation = ours.connect({ address: KERNEL, port });
    await conversation.opened();
    return conversation;
  };
  const reports = () =>
    kernel.log
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Report);
  /** What the kernel's end says about the one connection that `use` makes. */
  const reportAfter = async (use: () => Promise<void>, seconds = 30): Promise<Report> => {
    const before = reports().length;
    await use();
    return await eventually("the kernel's report", seconds, () => reports()[before] ?? null);
  };

  const upload = async (octets: number) => {
    const report = await reportAfter(async () => {
      const conversation = await connect(KERNEL_PORTS.sink);
      conversation.transfer(ours.timeline.now(), octets);
      expect(await conversation.over(40)).toBe('closed');
    });
    expect(report).toMatchObject({ octets, digest: expectedDigest(octets), ended: true, error: null });
  };
  const download = async (octets: number) => {
    const conversation = await connect(KERNEL_PORTS.source);
    conversation.say(ours.timeline.now(), String(octets));
    await eventually("the kernel's FIN", 40, () => (conversation.peerEnded ? true : null));
    conversation.socket.close(ours.timeline.now());
    expect(await conversation.over()).toBe('closed');
    expect([conversation.receipt.octets, conversation.receipt.digest()]).toEqual([octets, expectedDigest(octets)]);
  };

  it('carries 4 MB to the kernel, and we close first', async () => {
    await open();
    await upload(4_000_000);
  });

  it('carries 4 MB from the kernel, which closes first', async () => {
    await open();
    await download(4_000_000);
  });

  it('serves a connection that the kernel opens', async () => {
    await open();
    const octets = 1_000_000;
    const report = await reportAfter(async () => {
      kernel.child.stdin!.write(`connect ${ipv4Text(OURS)} 8000 ${octets}\n`);
      const conversation = await ours.accept(8000);
      await eventually("the kernel's FIN", 20, () => (conversation.peerEnded ? true : null));
      expect(conversation.receipt.digest()).toBe(expectedDigest(octets));
      conversation.transfer(ours.timeline.now(), 1_000);
      expect(await conversation.over()).toBe('closed');
    });
    expect(report).toMatchObject({ octets: 1_000, digest: expectedDigest(1_000), ended: true, error: null });
  });

  it('hears of a port where nobody listens, and tells the kernel so', async () => {
    await open();
    expect(await ours.connect({ address: KERNEL, port: KERNEL_PORTS.closed }).over(5)).toBe('refused');
    const report = await reportAfter(async () => {
      kernel.child.stdin!.write(`connect ${ipv4Text(OURS)} 8001 1\n`);
    });
    expect(report.error).toBe('ECONNREFUSED');
  });

  it('is reset by the kernel in the middle of a transfer, and resets it', async () => {
    await open();
    const conversation = await connect(KERNEL_PORTS.reset);
    conversation.transfer(ours.timeline.now(), 4_000_000);
    expect(await conversation.over()).toBe('reset');
    const report = await reportAfter(async () => {
      const second = await connect(KERNEL_PORTS.echo);
      second.say(ours.timeline.now(), 'hello');
      await eventually('the echo', 5, () => (second.receipt.octets === 5 ? true : null));
      second.socket.abort(ours.timeline.now());
      expect(await second.over()).toBe('aborted');
    });
    expect(report.error).toBe('ECONNRESET');
  });

  if (checksumOffload) return;

  it("answers the kernel's keepalives while nothing is said", async () => {
    await open();
    const file = peers.path('keepalive.pcapng');
    const recorder = await Recorder.start(peers, 'kernel0', file);
    const conversation = await connect(KERNEL_PORTS.keepalive);
    conversation.say(ours.timeline.now(), 'first');
    await eventually('two keepalives are answered', 15, async () => {
      const answers = await readCapture(file, 'tcp.analysis.keep_alive_ack', ['frame.number']);
      return answers.length >= 2 ? true : null;
    });
    expect(conversation.why).toBeNull();
    conversation.say(ours.timeline.now(), 'second');
    await eventually('the echo', 5, () => (conversation.receipt.octets === 11 ? true : null));
    conversation.socket.close(ours.timeline.now());
    expect(await conversation.over()).toBe('closed');
    await recorder.stop();
    expect(await complaints(file)).toEqual([]);
  });

  it.each([
    [0.01, 2_000_000],
    [0.02, 1_000_000],
    [0.05, 300_000],
  ])('carries everything both ways over a line that loses %d of the frames (%d octets)', async (loss, octets) => {
    const seed = 7;
    await open({ loss, delay: MILLISECOND }, seed);
    await upload(octets);
    await download(octets);
    // The line did lose some.
    expect(ours.wire.counters().sentFrames).toBeLessThan(ours.host.nic.counters().transmittedFrames);
  });

  it('carries everything over a line that reorders, doubles and corrupts', async () => {
    await open({ reorder: 0.03, duplicate: 0.02, corrupt: 0.01, delay: MILLISECOND, jitter: MILLISECOND }, 3);
    await upload(500_000);
    await download(500_000);
  });
});
