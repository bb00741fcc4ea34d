import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { isProblem, parseConfiguration } from '../firmware/phone/config/parse-configuration.ts';
import { deviceFileText } from '../lab/device-file-text.ts';
import { type BenchResult, type BenchRow, formatBench } from './bench-result.ts';

const TURNS = 41;
const FILES_A_TURN = 50;
const KEPT = 2_000;

/** The lab's own file, filled up with product specific settings to at least `size` octets. */
function deviceFile(size: number): Uint8Array {
  const callManagers = ['10.0.0.2', '10.0.0.3', '10.0.0.4'].map((processNodeName) => ({
    name: processNodeName,
    processNodeName,
    sccpPort: 2000,
    sipPort: 5060,
  }));
  const vendorConfig: Record<string, string> = {};
  const text = (): string =>
    deviceFileText({
      protocol: 'sccp',
      timeZone: 'W. Europe Standard/Daylight Time',
      dateTemplate: 'D.M.Y',
      callManagers,
      ntpServers: ['10.0.0.1'],
      vendorConfig,
    });
  for (let index = 0; text().length < size; index++) vendorConfig[`productSetting${index}`] = `${index % 3}`;
  return new Uint8Array(Buffer.from(text()));
}

/** CPU time of this thread in nanoseconds: what other programs do meanwhile does not count. */
function cpuTime(): number {
  return Number(readFileSync('/proc/thread-self/schedstat', 'latin1').split(' ')[0]);
}

/** Median microseconds of CPU to parse the file. */
function parseTime(octets: Uint8Array): number {
  const turns: number[] = [];
  for (let turn = 0; turn < TURNS; turn++) {
    const start = cpuTime();
    for (let index = 0; index < FILES_A_TURN; index++) {
      const parsed = parseConfiguration(octets);
      if (isProblem(parsed)) throw new Error(parsed.problem);
    }
    turns.push((cpuTime() - start) / 1_000 / FILES_A_TURN);
  }
  return turns.sort((a, b) => a - b)[TURNS >> 1]!;
}

/** Heap octets that one parsed configuration keeps; null without --expose-gc. */
function keptOctets(octets: Uint8Array): number | null {
  if (globalThis.gc === undefined) return null;
  const heap = (): number => {
    globalThis.gc?.();
    globalThis.gc?.();
    return process.memoryUsage().heapUsed;
  };
  const before = heap();
  const kept = Array.from({ length: KEPT }, () => parseConfiguration(octets));
  const after = heap();
  return (after - before) / kept.length;
}

/** Parsing of a phone's configuration file, in the host's own context. */
export async function run(): Promise<BenchResult> {
  const rows: BenchRow[] = [];
  for (const size of [4_096, 9_000]) {
    const octets = deviceFile(size);
    rows.push({ metric: `parse ${octets.length} octets`, value: parseTime(octets), unit: 'us', aim: '<= 500 us' });
    const kept = keptOctets(octets);
    if (kept !== null) rows.push({ metric: `kept of ${octets.length} octets`, value: kept, unit: 'octets' });
  }
  return { name: 'configuration parser', rows };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) console.log(formatBench(await run()));
