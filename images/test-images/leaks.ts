import type { Payload } from '../../hal/entry-points.ts';
import { MILLISECOND } from '../../hal/timer.ts';

/** Numbers kept at each alarm: half a megabyte. */
const KEPT = 65_536;

/** A load that keeps more and more memory: it ends not itself but the process that it runs in. */
export const entry: Payload = (hal) => {
  const kept: number[][] = [];
  const leak = (): void => {
    kept.push(Array.from({ length: KEPT }, (_, index) => index / 2));
    hal.timer.arm(hal.timer.now() + 10 * MILLISECOND);
  };
  leak();
  return {
    onFrame: () => {},
    onAlarm: leak,
    onLink: () => {},
    onPower: () => {},
    onInput: () => {},
    onCompletion: () => {},
  };
};
