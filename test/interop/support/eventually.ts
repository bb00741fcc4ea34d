import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

const LOOK_AGAIN_MILLISECONDS = 20;

/** Asks until there is an answer that is not null, at most `seconds`; then throws, with what `context` has to say. */
export async function eventually<T>(
  what: string,
  seconds: number,
  ask: () => T | null | Promise<T | null>,
  context: () => string = () => '',
): Promise<T> {
  const end = performance.now() + seconds * 1_000;
  for (;;) {
    const answer = await ask();
    if (answer !== null) return answer;
    if (performance.now() > end) throw new Error(`not within ${seconds} s: ${what}\n${context()}`);
    await sleep(LOOK_AGAIN_MILLISECONDS);
  }
}
