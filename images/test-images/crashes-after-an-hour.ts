import { Kernel } from '../../firmware/kernel.ts';
import type { Payload } from '../../hal/entry-points.ts';
import { MINUTE } from '../../hal/timer.ts';

/** The phone's firmware with a defect that shows late: the load is long confirmed when it crashes. */
export const entry: Payload = (hal, boot) => {
  const crashAt = hal.timer.now() + 60 * MINUTE;
  class LateCrash extends Kernel {
    override onAlarm(): void {
      if (hal.timer.now() >= crashAt) throw new Error(`${boot.load} was built to crash after an hour`);
      super.onAlarm();
    }
  }
  return new LateCrash(hal, boot);
};
