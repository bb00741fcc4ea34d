import { Kernel } from '../../firmware/kernel.ts';
import type { Payload } from '../../hal/entry-points.ts';

/** The phone's firmware with a deaf network driver: it sends, hears nothing, and so never gets as far as a call manager. */
class Deaf extends Kernel {
  override onFrame(): void {}
}

export const entry: Payload = (hal, boot) => new Deaf(hal, boot);
