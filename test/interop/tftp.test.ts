import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { isMalformed } from '../../firmware/malformed.ts';
import type { FileOutcome } from '../../firmware/protocols/file-outcome.ts';
import { TftpClient } from '../../firmware/protocols/tftp.ts';
import { parseIpv4 } from '../../firmware/wire/address.ts';
import * as tftp from '../../firmware/wire/tftp.ts';
import { type TunableValues, tunableValues } from '../../hal/tunables.ts';
import type { Impairment } from '../../hal/virtual/impair.ts';
import { startAtftpd } from './support/atftpd.ts';
import { startDnsmasq } from './support/dnsmasq.ts';
import { eventually } from './support/eventually.ts';
import { pattern } from './support/pattern.ts';
import { PeerNamespace } from './support/peer-namespace.ts';
import { startTftpd } from './support/tftpd.ts';
import { complaints, Recorder, readCapture } from './support/tshark.ts';
import { WireHost } from './support/wire-host.ts';

const SERVER = '10.82.0.1';
const OURS = 0x0a52_0002;
const MAC = 0x0200_5e00_007b;
/** Around the block size, and a file of more blocks than 16 bits can count in 512s would be too long for a test. */
const SIZES = [0, 1, 511, 512, 513, 9_000, 30_000, 300_001];

/** What atftpd calls the options of RFC 2347 to 2349 and 7440 that it is told not to know. */
const NO_OPTIONS = ['--no-blksize', '--no-windowsize', '--no-tsize', '--no-timeout', '--no-multicast'];

const SERVERS = [
  ['tftpd-hpa', async (peers: PeerNamespace, folder: string) => await startTftpd(peers, SERVER, folder)],
  ['atftpd', async (peers: PeerNamespace, folder: string) => await startAtftpd(peers, SERVER, folder)],
  [
    'atftpd without options',
    async (peers: PeerNamespace, folder: string) => await startAtftpd(peers, SERVER, folder, NO_OPTIONS),
  ],
  [
    'dnsmasq',
    async (peers: PeerNamespace, folder: string) =>
      await startDnsmasq(peers, ['interface=kernel0', 'enable-tftp', `tftp-root=${folder}`], 'TFTP server'),
  ],
] as const;

describe.each(SERVERS)('TFTP from %s', (name, start) => {
  let peers: PeerNamespace;
  let ours: WireHost;
  let folder: string;

  beforeAll(async () => {
    peers = new PeerNamespace(`tftp-${name.replaceAll(' ', '-')}`);
    peers.link('tftp0', 'kernel0', { addresses: [`${SERVER}/24`] });
    folder = peers.path('tftp');
    mkdirSync(folder);
    chmodSync(folder, 0o755);
    for (const size of SIZES) writeFileSync(`${folder}/${size}.bin`, pattern(0, size), { mode: 0o644 });
    await start(peers, folder);
  });
  afterEach(() => ours?.close());
  afterAll(() => peers?.close());

  const open = async (impairment: Impairment = {}) => {
    ours = await new WireHost({ interface: 'tftp0', mac: MAC, address: OURS, impairment }).linked();
  };

  /** Runs the client over our stack to its end. */
  const fetch = async (file: string, tunables: Partial<TunableValues> = {}): Promise<FileOutcome> => {
    const { timeline, host } = ours;
    const client = new TftpClient(tunableValues({ ...tunables }));
    let outcome: FileOutcome | null = null;
    const socket = host.udp(0, (now, payload, from) => {
      const message = tftp.parse(payload);
      if (!isMalformed(message)) client.process(now, { kind: 'received', message, from });
      work();
    })!;
    const alarm = timeline.createAlarm(() => work());
    const work = () => {
      const now = timeline.now();
      client.dispatch(now, (out) => {
        if (out.kind === 'done') {
          outcome = out;
          return;
        }
        const payload = new Uint8Array(tftp.lengthOf(out.message));
        tftp.emit(out.message, payload);
        socket.send(now, out.to, payload);
      });
      alarm.arm(client.pollAt());
    };
    client.process(timeline.now(), { kind: 'start', name: file, server: parseIpv4(SERVER)!, maxSize: 1 << 20 });
    work();
    return await eventually(`${file} arrives`, 30, () => outcome);
  };

  /** Fetches the file of so many octets, and sees that it is that file. */
  const fetchWhole = async (size: number, tunables: Partial<TunableValues> = {}): Promise<void> => {
    const outcome = await fetch(`${size}.bin`, tunables);
    if (outcome.outcome !== 'received') throw new Error(`${size} octets: ${JSON.stringify(outcome)}`);
    expect(Buffer.compare(outcome.octets, pattern(0, size))).toBe(0);
  };

  it('files of all sizes around a block, as RFC 1350 has them', async () => {
    await open();
    const capture = peers.path('plain.pcapng');
    const recorder = await Recorder.start(peers, 'kernel0', capture);
    for (const size of SIZES) await fetchWhole(size);
    await recorder.stop();
    expect(await complaints(capture)).toEqual([]);
    const requests = await readCapture(capture, 'tftp.opcode == 1', ['tftp.source_file', 'tftp.option.name']);
    expect(requests).toEqual(SIZES.map((size) => [`${size}.bin`, '']));
  });

  it('larger blocks where the load asks for them', async () => {
    await open();
    const capture = peers.path('options.pcapng');
    const recorder = await Recorder.start(peers, 'kernel0', capture);
    for (const size of SIZES) await fetchWhole(size, { 'tftp.blockSize': 1_468, 'tftp.windowSize': 4 });
    await recorder.stop();
    expect(await complaints(capture)).toEqual([]);
    const [agreed] = await readCapture(capture, 'tftp.opcode == 6', ['tftp.option.name', 'tftp.option.value']);
    if (name === 'atftpd without options') {
      expect(agreed).toEqual(['', '']);
      return;
    }
    expect(agreed?.[0]).toContain('blksize');
    expect(agreed?.[1]).toContain('1468');
  });

  it('a file that is not there', async () => {
    await open();
    expect(await fetch('CTLSEP020000000000.tlv')).toMatchObject({ outcome: 'not-found' });
  });

  it('a file that is longer than wanted', async () => {
    await open();
    writeFileSync(`${folder}/long.bin`, pattern(0, (1 << 20) + 1), { mode: 0o644 });
    expect(await fetch('long.bin', { 'tftp.blockSize': 1_468 })).toMatchObject({ outcome: 'too-large' });
  });

  it('a file over a line that loses 5 % of the frames and doubles 2 %', async () => {
    await open({ loss: 0.05, duplicate: 0.02 });
    const quick = { 'tftp.firstRetry': 0.05, 'tftp.maxRetry': 0.4, 'tftp.tries': 12 };
    await fetchWhole(9_000, quick);
    await fetchWhole(30_000, { ...quick, 'tftp.blockSize': 1_468 });
  });
});
