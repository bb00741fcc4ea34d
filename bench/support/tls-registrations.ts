/** Registrations over TLS of one process, beside `openssl s_time` on the same server in the same run. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Completions } from '../../firmware/net/completions.ts';
import { SecureSocket } from '../../firmware/net/secure-socket.ts';
import { judgePeer } from '../../firmware/phone/trust/judge-peer.ts';
import { parseTrustList, type TrustList } from '../../firmware/phone/trust/trust-list.ts';
import { HostSecureElement } from '../../hal/host/secure-element.ts';
import { HostTimeline } from '../../hal/host/timeline.ts';
import { KernelSockets } from '../../lab/kernel-sockets.ts';
import { clusterCtl } from '../../lab/pki/cluster-lists.ts';
import { FLEET_KEYS, IdentityStock } from '../../lab/pki/identity-stock.ts';
import type { Identity, KeyKind, LabPki } from '../../lab/pki/lab-pki.ts';
import { createPkiFolder } from '../../lab/pki/pki-folder.ts';
import type { BenchRow } from '../bench-result.ts';
import { SccpStation } from './sccp-station.ts';
import { FIRST_MAC, SECURE_PORT } from './secure-station-plan.ts';

const LOOPBACK = 0x7f00_0001;
const NODES = [{ host: '127.0.0.1', address: LOOPBACK }];
/** As many as it takes until the program is compiled; what is compared is what goes on for ever. */
const WARM_UP = 300;
const PHONES = 1_000;
/** Ours and theirs in turns: what else the machine does meets both, and the middle of the ratios is told. */
const ROUNDS = 5;
/** Registering at the same time. */
const AT_ONCE = 16;
const S_TIME_SECONDS = 2;
const CIPHER = 'AES256-SHA';
const MICROSECONDS = 1e6;

interface Client {
  readonly timeline: HostTimeline;
  readonly sockets: KernelSockets;
  readonly lists: { readonly ctl: TrustList; readonly itl: null };
  /** What the factory has put into each phone. */
  readonly identities: readonly Identity[];
}

function nameOf(mac: number): string {
  return `SEP${mac.toString(16).toUpperCase().padStart(12, '0')}`;
}

/** One phone's secure element, connection and SCCP client; resolves when the call manager has taken it. The connection stays open. */
function register({ timeline, sockets, lists, identities }: Client, index: number): Promise<void> {
  const mac = FIRST_MAC + index;
  const deviceName = nameOf(mac);
  const completions = new Completions();
  const secure = new HostSecureElement({
    timeline,
    bootKeys: [],
    complete: (operation, result) => completions.complete(timeline.now(), operation, result),
  });
  const { privateKey, certificate } = identities[index]!;
  secure.installKey('mic', privateKey, certificate);
  return new Promise((resolve, reject) => {
    const station = new SccpStation(timeline, {
      mac,
      hear: (_now, out) => {
        if (out.kind === 'registered') resolve();
        else if (out.kind === 'rejected' || out.kind === 'lost')
          reject(new Error(`${deviceName}: ${JSON.stringify(out)}`));
      },
    });
    const versions = ['1.0', '1.0'] as const;
    const options = { versions, ciphers: [CIPHER], legacy: true, certificate: 'mic', resume: 'cm1' } as const;
    const socket = new SecureSocket(
      {
        session: secure.tls.open(options),
        completions,
        initiates: true,
        judge: (now, { peerCertificate }, decide) => {
          const verdict = judgePeer(peerCertificate, 'CCM', lists, secure);
          decide(now, verdict.outcome === 'listed' ? station : null);
        },
        failed: (_now, why) => reject(new Error(`${deviceName}: ${why}`)),
      },
      station,
    );
    station.attach(socket);
    socket.attach(sockets.connect(timeline.now(), { address: LOOPBACK, port: SECURE_PORT }, socket));
  });
}

async function registerAll(client: Client, from: number, to: number): Promise<void> {
  let next = from;
  const one = async (): Promise<void> => {
    while (next < to) await register(client, next++);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
}

/** Handshakes of a second of CPU. */
function sTime(folder: string, mic: Identity): number {
  const key = join(folder, 's_time.key');
  const certificate = join(folder, 's_time.pem');
  writeFileSync(key, mic.privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  const base64 = Buffer.from(mic.certificate).toString('base64').replace(/.{64}/g, '$&\n');
  writeFileSync(certificate, `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`);
  const args = ['s_time', '-connect', `127.0.0.1:${SECURE_PORT}`, '-new', '-time', String(S_TIME_SECONDS), '-tls1'];
  const own = ['-cipher', `${CIPHER}:@SECLEVEL=0`, '-cert', certificate, '-key', key];
  const command = ['openssl', ...args, ...own].join(' ');
  // The shell's account of its children: user and system, as ours is counted.
  const out = execFileSync('bash', ['-c', `${command} 2>&1; times`], { encoding: 'utf8' });
  const [, count = '0'] = /(\d+) connections in \d+ real seconds/.exec(out) ?? [];
  const [, userMinutes, user, systemMinutes, system] =
    /^(\d+)m([\d.]+)s (\d+)m([\d.]+)s\s*$/.exec(out.trim().split('\n').at(-1) ?? '') ?? [];
  const cpu = Number(userMinutes) * 60 + Number(user) + Number(systemMinutes) * 60 + Number(system);
  if (Number(count) === 0 || !(cpu > 0)) throw new Error(`openssl s_time says: ${out}`);
  return Number(count) / cpu;
}

async function listening(server: ChildProcess): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.stdout!.once('data', () => resolve());
    server.once('exit', (code) => reject(new Error(`the server ended with ${code}`)));
  });
}

function held(): number {
  globalThis.gc?.();
  globalThis.gc?.();
  // What buffers hold is within `external`.
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[values.length >> 1]!;
}

async function measure(folder: string, pki: LabPki, keyKind: KeyKind): Promise<BenchRow[]> {
  const program = join(import.meta.dirname, 'secure-server.js');
  const args = [program, folder, 'encrypted', String(WARM_UP + PHONES)];
  const server = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const timeline = new HostTimeline();
  const sockets = new KernelSockets({ timeline });
  try {
    await listening(server);
    const now = Math.floor(Date.now() / 1_000);
    const ctl = parseTrustList(clusterCtl({ pki, nodes: NODES, digest: 'sha1', now })) as TrustList;
    const factory = new IdentityStock({ authority: pki.manufacturing, now, ...FLEET_KEYS, keyKind, keys: 16 });
    const identities = Array.from({ length: WARM_UP + PHONES }, (_, index) =>
      factory.issue({ productId: 'CP-7975G', deviceName: nameOf(FIRST_MAC + index), serial: 'FCH1402A1B2' }),
    );
    const client = { timeline, sockets, lists: { ctl, itl: null }, identities };
    await registerAll(client, 0, WARM_UP);
    const memory = { heap: held(), resident: process.memoryUsage().rss };
    const ours: number[] = [];
    const theirs: number[] = [];
    let seconds = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const first = WARM_UP + (round * PHONES) / ROUNDS;
      const cpu = process.cpuUsage();
      const from = performance.now();
      await registerAll(client, first, first + PHONES / ROUNDS);
      const { user, system } = process.cpuUsage(cpu);
      seconds += (performance.now() - from) / 1_000;
      ours.push(((PHONES / ROUNDS) * MICROSECONDS) / (user + system));
      theirs.push(sTime(folder, identities[0]!));
    }
    const heap = (held() - memory.heap) / PHONES / 1_024;
    const resident = (process.memoryUsage().rss - memory.resident) / PHONES / 1_024;
    const of = `${keyKind}: `;
    return [
      { metric: `${of}TLS registrations of one process`, value: PHONES / seconds, unit: '1/s' },
      { metric: `${of}  of a second of its CPU`, value: median(ours), unit: '1/s' },
      { metric: `${of}openssl s_time -new, of a second of its CPU`, value: median(theirs), unit: '1/s' },
      {
        metric: `${of}  ours to theirs`,
        value: median(ours.map((one, round) => one / theirs[round]!)),
        unit: '',
        aim: '>= 0.6',
      },
      {
        metric: `${of}memory of a TLS phone's element, session and client, heap`,
        value: heap,
        unit: 'KiB',
        aim: '<= 96 KiB',
      },
      { metric: `${of}  the same, resident`, value: resident, unit: 'KiB' },
    ];
  } finally {
    sockets.destroy();
    timeline.close();
    server.stdin!.end();
  }
}

/** With the keys that telephones have, and with those of our fleets. */
export async function tlsRegistrations(pki: LabPki): Promise<BenchRow[]> {
  const folder = mkdtempSync(join(tmpdir(), 'sepia-bench-'));
  try {
    const own = join(folder, 'pki');
    createPkiFolder(own, { pki, nodes: NODES });
    return [...(await measure(own, pki, 'rsa-2048')), ...(await measure(own, pki, 'ec-p256'))];
  } finally {
    rmSync(folder, { recursive: true });
  }
}
