import type { Sight, Story } from './story.ts';

/** Starts over in a row from which on it is no chance. */
const SURPRISING = 2;

/** Frames named: those of the first starts and of the last ones. */
const MOST_FRAMES = 12;

/**
 * A phone that has its configuration, turns to no call manager and starts with DHCP again, time after time: it does not survive the file. That software has faulted,
 * or that the power went, is not on the wire; that it happens always at the same place is.
 */
export class Restarts {
  readonly #story: Story;
  #frames: number[] = [];

  constructor(story: Story) {
    this.#story = story;
  }

  /** The phone has got further since. */
  forget(): void {
    this.#frames = [];
  }

  /** It begins again, out of the step of the call manager, which it had only entered. */
  began(sight: Sight): void {
    this.#frames.push(sight.frame);
    if (this.#frames.length > MOST_FRAMES) this.#frames.splice(MOST_FRAMES / 2, 1);
    if (this.#frames.length < SURPRISING) return;
    this.#story.leave('failed', 'phone.restarts', sight, undefined, this.#frames);
  }
}
