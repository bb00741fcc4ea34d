import type { Payload } from '../../hal/entry-points.ts';

/** A load that never gives the processor back: only a watchdog ends it. */
export const entry: Payload = (hal) => {
  let turns = 0;
  for (;;) {
    turns++;
    if (turns < 0) hal.console.write('the end of time');
  }
};
