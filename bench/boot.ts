import { readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { join } from 'node:path';
import { imageDirectory } from '../images/public.ts';
import type { LabOptions } from '../lab/public.ts';
import type { BenchResult, BenchRow } from './bench-result.ts';
import { type BenchWorld, benchWorld, bootAll } from './support/bench-world.ts';
import { type Frame, shares, threadCpu } from './support/profile.ts';

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

/** The lab's machines have the same stack and codecs as the phones, outside of any payload. */
const LAB = 'lab';
/** What neither the phone nor the lab has called: the timeline, and cables that deliver. */
const WORLD = 'timeline and cables';
const COLLECTOR = 'garbage collector';

/** Names the component of a frame: a room of the program, through the source map for code of the payload. */
function componentOf(): (frame: Frame, caller: string | null) => string | null {
  const maps = new Map<string, SourceMap>();
  const mapOf = (file: string): SourceMap => {
    let map = maps.get(file);
    if (map === undefined) {
      map = new SourceMap(JSON.parse(readFileSync(join(imageDirectory(), `${file}.map`), 'utf8')));
      maps.set(file, map);
    }
    return map;
  };
  return ({ url, functionName, lineNumber, columnNumber }, caller) => {
    if (functionName === '(garbage collector)') return COLLECTOR;
    if (functionName === '(idle)' || functionName === '(program)') return 'idle';
    const payload = /payload-([0-9a-f]+)\.js$/.exec(url);
    if (payload !== null) {
      const entry = mapOf(payload[1]!).findEntry(lineNumber, Math.max(0, columnNumber - (lineNumber === 0 ? 1 : 0)));
      return ROOM.exec('originalSource' in entry ? `/${entry.originalSource}` : '')?.[1] ?? 'firmware';
    }
    const room = ROOM.exec(url)?.[1] ?? null;
    if (room === null) return null;
    if (room === 'hal') return caller === null ? WORLD : caller === LAB || caller === WORLD ? caller : room;
    return room.startsWith('firmware') ? LAB : room;
  };
}

function isPhone(component: string): boolean {
  return /^(firmware|bootloader|storage|device|hal)/.test(component);
}

/** The phone's share of all work. What belongs to nobody is shared out as the rest is. */
function phoneShare(parts: ReadonlyMap<string, number>): number {
  let phone = 0;
  let others = 0;
  for (const [part, share] of parts) {
    if (isPhone(part)) phone += share;
    else if (part !== WORLD && part !== COLLECTOR) others += share;
  }
  return phone / (phone + others);
}

/** A fixed piece of work beside the boots, since a busy machine makes both slower: compare machines and hours by the ratio. */
const CALIBRATION = JSON.stringify(
  Array.from({ length: 200 }, (_, index) => ({
    index,
    name: `entry ${index}`,
    value: index / 7,
    list: [index, 'text'],
  })),
);
const CALIBRATIONS = 500;

function calibration(): number {
  const before = threadCpu();
  for (let round = 0; round < CALIBRATIONS; round++) JSON.parse(CALIBRATION);
  return (threadCpu() - before) / 1000 / CALIBRATIONS;
}

async function measure(name: string, lab: Omit<LabOptions, 'timeline' | 'devices'>): Promise<BenchRow[]> {
  const bench: BenchWorld = benchWorld(WARM_UP + 2 * PHONES, lab);
  bootAll(bench, 0, WARM_UP);
  const calibrationBefore = calibration();
  const before = threadCpu();
  bootAll(bench, WARM_UP, WARM_UP + PHONES);
  const microseconds = (threadCpu() - before) / 1000 / PHONES;
  const unit = (calibrationBefore + calibration()) / 2;
  const parts = await shares(() => bootAll(bench, WARM_UP + PHONES, WARM_UP + 2 * PHONES), componentOf());
  const phone = phoneShare(parts);
  const lines = [...parts].sort((a, b) => b[1] - a[1]).filter(([, share]) => share >= 0.005);
  return [
    { metric: `${name}: phone and lab together`, value: microseconds, unit: 'us/boot' },
    { metric: `${name}: the phone alone`, value: microseconds * phone, unit: 'us/boot', aim: '<= 1000 us' },
    {
      metric: `${name}: the same in calibrations of ${unit.toFixed(0)} us`,
      value: (microseconds * phone) / unit,
      unit: '',
    },
    { metric: `${name}: boots of one process, lab included`, value: 1_000_000 / microseconds, unit: '1/s' },
    ...lines.map(([part, share]) => ({ metric: `${name}:   ${part}`, value: microseconds * share, unit: 'us/boot' })),
  ];
}

/** CPU of a full boot from power-on to registered, own thread, by component. */
export async function run(): Promise<BenchResult> {
  const short = await measure('7 KB file', {});
  const long = await measure('9 KB file', LONG_CONFIGURATION);
  return { name: 'boot: CPU of one phone from power-on to registered', rows: [...short, ...long] };
}
