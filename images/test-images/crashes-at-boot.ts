import type { Payload } from '../../hal/entry-points.ts';

/** A load with a defect in its first line. */
export const entry: Payload = (_hal, boot) => {
  throw new Error(`${boot.load} was built to crash at boot`);
};
