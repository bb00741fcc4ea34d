/** Ports that the stack chooses itself, at random (RFC 6056 3.3.1), from the dynamic range of RFC 6335. */
import type { Rng } from '../../hal/rng.ts';

const FIRST = 49152;
const COUNT = 65536 - FIRST;

export function isEphemeral(port: number): boolean {
  return port >= FIRST;
}

/** A port for which `isFree`; null when there is none. Begins at random and goes on upwards. */
export function chooseEphemeralPort(rng: Rng, isFree: (port: number) => boolean): number | null {
  const start = rng.below(COUNT);
  for (let step = 0; step < COUNT; step++) {
    const port = FIRST + ((start + step) % COUNT);
    if (isFree(port)) return port;
  }
  return null;
}
