import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type BenchResult, type BenchRow, formatBench } from './bench-result.ts';
import { PeerNetwork, PHONE_END, SERVER_ADDRESS, SERVER_END } from './support/peer-network.ts';
import { ASKING_AT_ONCE, downloads, leases, serveFiles } from './support/phone-load.ts';

const LEASES = 2_000;
/** More than Kea can answer. */
const OFFERED = 4_000;
const PERFDHCP_SECONDS = 5;
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
    const clients = ['-R', String(OFFERED * PERFDHCP_SECONDS), '-r', String(OFFERED), '-p', String(PERFDHCP_SECONDS)];
    const told = network.run('phones', 'perfdhcp', '-4', '-l', PHONE_END, ...clients);
    const rate = Number(/^Rate: ([\d.]+)/m.exec(told)?.[1] ?? Number.NaN);
    return [
      {
        metric: `DHCP leases of Kea: ${LEASES.toLocaleString('en')} phones boot, ${ASKING_AT_ONCE} at a time`,
        value: bound / seconds,
        unit: 'leases/s',
      },
      {
        metric: `the same Kea: perfdhcp, ${OFFERED.toLocaleString('en')} a second offered, answered`,
        value: rate,
        unit: 'leases/s',
      },
    ];
  } finally {
    await stop();
  }
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
