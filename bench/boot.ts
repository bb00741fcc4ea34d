import { readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { join } from 'node:path';
import { imageDirectory } from '../images/public.ts';
import type { LabOptions } from '../lab/public.ts';
import type { BenchResult, BenchRow } from './bench-result.ts';
import { type BenchWorld, benchWorld, bootAll } from './support/bench-world.ts';
import { shares, threadCpu } from './support/profile.ts';

const WARM_UP = 300;
const PHONES = 1_000;

/** Elements that bring the lab's file from about 7 KB to 9 KB, as files of phones with many services have. */
const LONG_CONFIGURATION: Omit<LabOptions, 'timeline' | 'devices'> = {
  configuration: {
    vendorConfig: Object.fromEntries(
      Array.from({ length: 40 }, (_, index) => [`benchElement${index}`, 'a value of common length']),
    ),
  },
};

const ROOM =
  /\/(firmware\/(?:wire|net|protocols|phone|startup)|firmware|bootloader|storage|hal|device|lab|fleet|images)\//;

/** Names the component of a frame: a room of the program, through the source map for code of the payload. */
function componentOf(): (frame: {
  url: string;
  functionName: string;
  lineNumber: number;
  columnNumber: number;
}) => string | null {
  const maps = new Map<string, SourceMap>();
  const mapOf = (file: string): SourceMap => {
    let map = maps.get(file);
    if (map === undefined) {
      map = new SourceMap(JSON.parse(readFileSync(join(imageDirectory(), `${file}.map`), 'utf8')));
      maps.set(file, map);
    }
    return map;
  };
  return ({ url, functionName, lineNumber, columnNumber }) => {
    if (functionName === '(garbage collector)') return 'garbage collector';
    if (functionName === '(idle)' || functionName === '(program)') return 'idle';
    const payload = /payload-([0-9a-f]+)\.js$/.exec(url);
    let path = url;
    if (payload !== null) {
      const entry = mapOf(payload[1]!).findEntry(lineNumber, Math.max(0, columnNumber - (lineNumber === 0 ? 1 : 0)));
      path = 'originalSource' in entry ? `/${entry.originalSource}` : '/firmware/';
      if (path.includes('node_modules')) return 'firmware/phone (htmlparser2)';
    }
    return ROOM.exec(path)?.[1] ?? (payload === null ? null : 'firmware');
  };
}

function isPhone(component: string): boolean {
  return /^(firmware|bootloader|storage|device|hal)/.test(component);
}

async function measure(name: string, lab: Omit<LabOptions, 'timeline' | 'devices'>): Promise<BenchRow[]> {
  const bench: BenchWorld = benchWorld(WARM_UP + 2 * PHONES, lab);
  bootAll(bench, 0, WARM_UP);
  const before = threadCpu();
  bootAll(bench, WARM_UP, WARM_UP + PHONES);
  const microseconds = (threadCpu() - before) / 1000 / PHONES;
  const parts = await shares(() => bootAll(bench, WARM_UP + PHONES, WARM_UP + 2 * PHONES), componentOf());
  const phone = [...parts].filter(([part]) => isPhone(part)).reduce((sum, [, share]) => sum + share, 0);
  const lines = [...parts].sort((a, b) => b[1] - a[1]).filter(([, share]) => share >= 0.005);
  return [
    { metric: `${name}: phone and lab together`, value: microseconds, unit: 'us/boot' },
    { metric: `${name}: the phone alone`, value: microseconds * phone, unit: 'us/boot', aim: '<= 1000 us' },
    ...lines.map(([part, share]) => ({ metric: `${name}:   ${part}`, value: microseconds * share, unit: 'us/boot' })),
  ];
}

/** CPU of a full boot from power-on to registered, own thread, by component. */
export async function run(): Promise<BenchResult> {
  const short = await measure('7 KB file', {});
  const long = await measure('9 KB file', LONG_CONFIGURATION);
  return { name: 'boot: CPU of one phone from power-on to registered', rows: [...short, ...long] };
}
