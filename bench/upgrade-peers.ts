import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { imageCapacity } from '../storage/flash-map.ts';
import { type BenchResult, type BenchRow, formatBench } from './bench-result.ts';
import { PeerNetwork, SERVER_ADDRESS } from './support/peer-network.ts';
import { patterned, serveFiles, upgrades } from './support/phone-load.ts';

const PHONES = 1_000;
/** As much as a slot holds. */
const IMAGE = imageCapacity('B');
const NAME = "upgrade storm against others' TFTP server, in blocks of 512 octets";
/** The phones are this file again, in a process of their own. */
const SELF = fileURLToPath(import.meta.url);

/** A thousand phones on a real wire that fetch an image at the same time into their flash, from tftpd-hpa and from our own server. */
export async function run(): Promise<BenchResult> {
  const lack = lackOf();
  const network = lack === null ? await PeerNetwork.make() : null;
  if (network === null) return { name: `${NAME}: not measured, ${lack ?? 'no network namespaces here'}`, rows: [] };
  try {
    const folder = join(network.folder, 'tftp');
    mkdirSync(folder);
    chmodSync(network.folder, 0o755);
    chmodSync(folder, 0o755);
    writeFileSync(join(folder, String(IMAGE)), patterned(IMAGE), { mode: 0o644 });
    const hpa = ['in.tftpd', '--listen', '--foreground', '--ipv4', '--address', `${SERVER_ADDRESS}:69`, '--secure'];
    const own = [process.execPath, ...process.execArgv, SELF, 'load', 'serve'];
    return {
      name: NAME,
      rows: [
        ...(await storm(network, 'tftpd-hpa', [...hpa, '--user', 'nobody', folder])),
        ...(await storm(network, 'our own server', own)),
      ],
    };
  } finally {
    network.close();
  }
}

function lackOf(): string | null {
  if (process.getuid?.() !== 0) return 'needs root';
  try {
    execFileSync('which', ['in.tftpd', 'ethtool'], {
      stdio: 'ignore',
      // Debian keeps servers where only root looks.
      env: { ...process.env, PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin` },
    });
    return null;
  } catch {
    return 'needs the Debian packages tftpd-hpa, ethtool';
  }
}

async function storm(network: PeerNetwork, name: string, server: readonly string[]): Promise<BenchRow[]> {
  const stop = await network.start(server);
  try {
    const command = [process.execPath, ...process.execArgv, SELF, 'load', 'upgrades', String(PHONES), String(IMAGE)];
    const told = JSON.parse(await network.measure('phones', ...command)) as Awaited<ReturnType<typeof upgrades>>;
    const { seconds, octets, kibibytes } = told;
    const what = `${name}: ${PHONES.toLocaleString('en')} phones, ${IMAGE >> 10} KiB each`;
    return [
      { metric: what, value: octets / 1e6 / seconds, unit: 'MB/s' },
      { metric: '  until the last one had it', value: seconds, unit: 's' },
      { metric: '  memory of one while it came and after', value: kibibytes, unit: 'KiB' },
      { metric: '  not received', value: (PHONES * IMAGE - octets) / 1e6, unit: 'MB', aim: '0' },
    ];
  } finally {
    await stop();
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [mode, what = '', count = '', name = ''] = process.argv.slice(2);
  if (mode === 'load') {
    const told = what === 'serve' ? await serveFiles() : await upgrades(Number(count), name);
    process.stdout.write(`${JSON.stringify(told)}\n`);
    process.exit();
  } else process.stdout.write(`${formatBench(await run())}\n`);
}
