import type { Timeline } from '../hal/timeline.ts';
import { enhancedPacket, interfaceDescription, sectionHeader } from '../hal/virtual/pcapng.ts';
import { tap } from '../hal/virtual/tap.ts';
import type { WireEnd } from '../hal/wire-end.ts';
import { PrivateFile } from './private-file.ts';

const MICROSECONDS_A_MILLISECOND = 1_000;

/** A capture file: one interface a phone, in the order in which they are tapped. */
export class Capture {
  readonly #file: PrivateFile;
  readonly #epoch: number;
  #interfaces = 0;

  /** @param epoch calendar time of the world's beginning, milliseconds since 1970. Throws PrivateFileError. */
  constructor(path: string, epoch: number) {
    this.#file = new PrivateFile(path);
    this.#epoch = epoch;
    this.#file.write(sectionHeader('sepia'));
  }

  /** The wire end to give to the phone instead. */
  tap(wire: WireEnd, timeline: Timeline, name: string): WireEnd {
    const number = this.#interfaces++;
    this.#file.write(interfaceDescription(name));
    return tap(wire, timeline, ({ at, direction, bytes }) => {
      const time = this.#epoch * MICROSECONDS_A_MILLISECOND + at;
      this.#file.write(enhancedPacket({ interface: number, time, direction, bytes }));
    });
  }

  close(): void {
    this.#file.close();
  }
}
