import { performance } from 'node:perf_hooks';
import { pathToFileURL } from 'node:url';
import { SECOND } from '../hal/timer.ts';
import { createCable } from '../hal/virtual/cable.ts';
import { SeededRng } from '../hal/virtual/rng.ts';
import { VirtualTimeline } from '../hal/virtual/timeline.ts';
import { type BenchResult, type BenchRow, formatBench } from './bench-result.ts';

const ALARMS = 1_000_000;
const FRAMES = 500_000;

/** Alarms fired a second when each of `phones` re-arms its own alarm every time, at intervals as keepalives have them. */
function alarms(phones: number): BenchRow {
  const timeline = new VirtualTimeline();
  const rng = new SeededRng(1);
  for (let phone = 0; phone < phones; phone++) {
    const alarm = timeline.createAlarm(() => alarm.arm(timeline.now() + 1 + rng.below(30 * SECOND)));
    alarm.arm(rng.below(30 * SECOND));
  }
  const start = performance.now();
  for (let fired = 0; fired < ALARMS; fired++) timeline.step();
  const seconds = (performance.now() - start) / 1000;
  return { metric: `alarms, ${phones} phones`, value: ALARMS / seconds, unit: 'alarms/s', aim: '>= 500,000' };
}

/** Frames a second that go back and forth over one cable. */
function frames(): BenchRow {
  const timeline = new VirtualTimeline();
  const { a, b } = createCable(timeline);
  let left = FRAMES;
  for (const end of [a, b]) {
    end.attach({
      frame: (bytes, length) => {
        left--;
        end.transmit(bytes, length);
      },
      link: () => {},
    });
  }
  a.transmit(new Uint8Array(100), 100);
  const start = performance.now();
  while (left > 0) timeline.step();
  const seconds = (performance.now() - start) / 1000;
  return { metric: 'frames over a virtual cable', value: FRAMES / seconds, unit: 'frames/s' };
}

export async function run(): Promise<BenchResult> {
  alarms(1_000);
  return { name: 'timeline', rows: [alarms(1_000), alarms(40_000), frames()] };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) console.log(formatBench(await run()));
