import { pathToFileURL } from 'node:url';
import type { Key } from '../hal/panel.ts';
import { MILLISECOND, SECOND } from '../hal/timer.ts';
import { type BenchResult, type BenchRow, formatBench } from './bench-result.ts';
import { type BenchWorld, benchWorld, bootAll } from './support/bench-world.ts';

const PHONES = 200;
const FIRST_NUMBER = 200_000;
/** Calls one after the other by each pair. */
const ROUNDS = 5;
const TALK_SECONDS = 5;
/** Long enough that what is measured is not the compiler's warming up. */
const MEASURED_SECONDS = 40;

/** CPU of the whole process, its collector too, microseconds. */
function cpu(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** Every even phone calls the next one. */
function callAll({ world }: BenchWorld): void {
  const press = (index: number, key: Key) => world.phones[index]!.press(key);
  const pause = () => world.timeline.runUntil(world.timeline.now() + 20 * MILLISECOND);
  for (let index = 0; index < PHONES; index += 2) press(index, 'hookOff');
  pause();
  for (let digit = 0; digit < 6; digit++) {
    for (let index = 0; index < PHONES; index += 2) {
      press(index, String(FIRST_NUMBER + index + 1)[digit] as Key);
    }
    pause();
  }
  for (let index = 1; index < PHONES; index += 2) press(index, 'hookOff');
  pause();
}

function hangUpAll({ world }: BenchWorld): void {
  for (let index = 0; index < PHONES; index++) world.phones[index]!.press('hookOn');
  world.timeline.runUntil(world.timeline.now() + 20 * MILLISECOND);
}

export function run(): Promise<BenchResult> {
  const bench = benchWorld(PHONES, {}, false);
  bootAll(bench, 0, PHONES);
  callAll(bench);
  hangUpAll(bench);
  const calls = (PHONES / 2) * ROUNDS;

  const signalling = cpu();
  for (let round = 0; round < ROUNDS; round++) {
    callAll(bench);
    hangUpAll(bench);
  }
  const perCall = (cpu() - signalling) / calls;

  callAll(bench);
  const talking = cpu();
  const { timeline } = bench.world;
  timeline.runUntil(timeline.now() + MEASURED_SECONDS * SECOND);
  // A phone has one stream that it sends and one that it hears.
  const perStreamSecond = (cpu() - talking) / PHONES / MEASURED_SECONDS;
  hangUpAll(bench);

  const withAudio = perCall + 2 * TALK_SECONDS * perStreamSecond;
  const rows: BenchRow[] = [
    { metric: 'calls set up and ended, phones and lab', value: 1e6 / perCall, unit: 'calls/s a core' },
    { metric: `the same with ${TALK_SECONDS} s of RTP both ways`, value: 1e6 / withAudio, unit: 'calls/s a core' },
    { metric: 'RTP at 20 ms, a phone that sends and hears', value: 1e6 / perStreamSecond, unit: 'phones a core' },
    { metric: 'RTP packet, sent over the virtual wire and heard', value: perStreamSecond / 50, unit: 'us CPU' },
  ];
  return Promise.resolve({ name: 'calls over SCCP with audio', rows });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  process.stdout.write(`${formatBench(await run())}\n`);
}
