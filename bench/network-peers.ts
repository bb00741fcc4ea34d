import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type BenchResult, type BenchRow, formatBench } from './bench-result.ts';
import { type OfferedLeases, offeredLeases } from './support/dhcp-load.ts';
import { PeerNetwork, PHONE_END, SERVER_ADDRESS, SERVER_END } from './support/peer-network.ts';
import { ASKING_AT_ONCE, downloads, leases, serveFiles } from './support/phone-load.ts';

const LEASES = 2_000;
/** Clients a second: what Kea can answer, and more than that. */
const OFFERED = [500, 4_000] as const;
const OFFER_SECONDS = 5;
/** Phones at once, and the octets that each fetches. */
const DOWNLOADS = [
  [1, 4 << 20],
  [100, 128 << 10],
  [1_000, 32 << 10],
] as const;

/** Program and what Debian calls it. */
const PROGRAMS = {
  'kea-dhcp4': 'kea-dhcp4-server',
  perfdhcp: 'kea-admin',
  'in.tftpd': 'tftpd-hpa',
  ethtool: 'ethtool',
} as const;

const NAME = "network access against others' servers";
/** The loads are this file again, in processes of their own. */
const SELF = fileURLToPath(import.meta.url);

/** DHCP and TFTP of phones on a real wire against Kea and tftpd-hpa, beside perfdhcp and our own server. */
export async function run(): Promise<BenchResult> {
  if (process.getuid?.() !== 0) return { name: `${NAME}: not measured, needs root`, rows: [] };
  const missing = Object.entries(PROGRAMS).filter(([program]) => !isThere(program));
  if (missing.length > 0) {
    const packages = missing.map(([, debian]) => debian).join(', ');
    return { name: `${NAME}: not measured, needs the Debian packages ${packages}`, rows: [] };
  }
  const network = await PeerNetwork.make();
  if (network === null) return { name: `${NAME}: not measured, no network namespaces here`, rows: [] };
  try {
    return { name: NAME, rows: [...(await againstKea(network)), ...(await againstTftp(network))] };
  } finally {
    network.close();
  }
}

function isThere(program: string): boolean {
  try {
    execFileSync('which', [program], { stdio: 'ignore', env: { ...process.env, PATH: searchPath() } });
    return true;
  } catch {
    return false;
  }
}

/** Debian keeps servers where only root looks. */
function searchPath(): string {
  return `${process.env.PATH ?? ''}:/usr/sbin:/sbin`;
}

async function load<T>(network: PeerNetwork, ...words: readonly (string | number)[]): Promise<T> {
  const command = [process.execPath, ...process.execArgv, SELF, 'load', ...words.map(String)];
  return JSON.parse(await network.measure('phones', ...command)) as T;
}

async function againstKea(network: PeerNetwork): Promise<BenchRow[]> {
  const file = join(network.folder, 'kea.json');
  const subnet = { subnet: '10.90.0.0/16', interface: SERVER_END, pools: [{ pool: '10.90.1.0 - 10.90.250.255' }] };
  const settings = {
    'interfaces-config': { interfaces: [SERVER_END], 'dhcp-socket-type': 'raw' },
    'lease-database': { type: 'memfile', persist: false },
    'valid-lifetime': 3_600,
    authoritative: true,
    subnet4: [subnet],
    loggers: [{ name: 'kea-dhcp4', severity: 'ERROR' }],
  };
  writeFileSync(file, JSON.stringify({ Dhcp4: settings }));
  const folders = { KEA_PIDFILE_DIR: network.folder, KEA_LOCKFILE_DIR: network.folder };
  const stop = await network.start(['kea-dhcp4', '-c', file], folders);
  try {
    const { seconds, bound } = await load<{ seconds: number; bound: number }>(network, 'leases', LEASES);
    const rows: BenchRow[] = [
      {
        metric: `DHCP leases of Kea: ${LEASES.toLocaleString('en')} phones boot, ${ASKING_AT_ONCE} at a time`,
        value: bound / seconds,
        unit: 'leases/s',
      },
    ];
    for (const rate of OFFERED) rows.push(...(await offered(network, rate)));
    return rows;
  } finally {
    await stop();
  }
}

/** The phones' own DHCP client and stack as perfdhcp works: so many new clients a second, answered or not. */
async function offered(network: PeerNetwork, rate: number): Promise<BenchRow[]> {
  const ours = await load<OfferedLeases>(network, 'machines', rate, OFFER_SECONDS);
  const clients = ['-R', String(rate * OFFER_SECONDS), '-r', String(rate), '-p', String(OFFER_SECONDS)];
  const told = network.run('phones', 'perfdhcp', '-4', '-l', PHONE_END, ...clients);
  const their = Number(/^Rate: ([\d.]+)/m.exec(told)?.[1] ?? Number.NaN);
  const name = `${rate.toLocaleString('en')} new clients a second`;
  return [
    { metric: `${name}: our DHCP client and stack, answered`, value: ours.bound / ours.seconds, unit: 'leases/s' },
    { metric: '  CPU of ours for a lease', value: (ours.cpuSeconds * 1e3) / ours.bound, unit: 'ms' },
    { metric: `${name}: perfdhcp, answered`, value: their, unit: 'leases/s' },
  ];
}

async function againstTftp(network: PeerNetwork): Promise<BenchRow[]> {
  const folder = join(network.folder, 'tftp');
  mkdirSync(folder);
  chmodSync(network.folder, 0o755);
  chmodSync(folder, 0o755);
  for (const [, size] of DOWNLOADS) writeFileSync(join(folder, String(size)), new Uint8Array(size), { mode: 0o644 });
  const hpa = ['in.tftpd', '--listen', '--foreground', '--ipv4', '--address', `${SERVER_ADDRESS}:69`, '--secure'];
  const own = [process.execPath, ...process.execArgv, SELF, 'load', 'serve'];
  return [
    ...(await fetchAll(network, 'tftpd-hpa', [...hpa, '--user', 'nobody', folder])),
    ...(await fetchAll(network, 'our own server', own)),
  ];
}

async function fetchAll(network: PeerNetwork, name: string, server: readonly string[]): Promise<BenchRow[]> {
  const stop = await network.start(server);
  const rows: BenchRow[] = [];
  try {
    for (const [count, size] of DOWNLOADS) {
      const { seconds, octets } = await load<{ seconds: number; octets: number }>(network, 'downloads', count, size);
      const phones = count === 1 ? '1 phone' : `${count.toLocaleString('en')} phones at once`;
      rows.push({
        metric: `TFTP from ${name}: ${phones}, ${size >> 10} KiB each`,
        value: octets / 1e6 / seconds,
        unit: 'MB/s',
      });
      const lost = count * size - octets;
      if (lost > 0) rows.push({ metric: `  of ${phones}, not received`, value: lost / 1e6, unit: 'MB', aim: '0' });
    }
  } finally {
    await stop();
  }
  return rows;
}

async function work([what = '', count = '', name = '']: readonly string[]): Promise<object> {
  if (what === 'leases') return await leases(Number(count));
  if (what === 'machines') return await offeredLeases(Number(count), Number(name));
  if (what === 'downloads') return await downloads(Number(count), name);
  return await serveFiles();
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [mode, ...rest] = process.argv.slice(2);
  if (mode === 'load') {
    process.stdout.write(`${JSON.stringify(await work(rest))}\n`);
    process.exit();
  } else process.stdout.write(`${formatBench(await run())}\n`);
}
