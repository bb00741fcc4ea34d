import { earlier, type Instant, NEVER, SECOND } from '../../hal/timer.ts';
import type { AppliedConfiguration } from './configuration-memory.ts';
import type { PhoneContext } from './phone-context.ts';
import type { Stage } from './stage.ts';

/** The fetcher is busy with another file; it is looked at again after this. */
const BUSY_WAIT = SECOND;

/**
 * What the phone does about a configuration that is not the one it has: nothing, register again with it, or boot, since another load or another
 * protocol is a matter of the whole phone.
 */
export type ConfigurationVerdict = 'same' | 'changed' | 'reset';

/** Reads the configuration again while the phone stays registered, and says what is to be done about it (ApplyConfig, sccp 3.5, discovery 7.6). */
export class ConfigurationCheck {
  readonly #phone: PhoneContext;
  readonly #before: AppliedConfiguration;
  readonly #stage: Stage;
  readonly #done: (now: Instant, verdict: ConfigurationVerdict) => void;
  #startAt: Instant;
  #started = false;

  /**
   * @param read the step that reads configurations, for a phone whose facts are a copy: what it learns is not in force yet
   * @param done called once, from a later dispatch
   */
  constructor(
    now: Instant,
    phone: PhoneContext,
    read: (phone: PhoneContext) => Stage,
    done: (now: Instant, verdict: ConfigurationVerdict) => void,
  ) {
    this.#phone = { ...phone, facts: { ...phone.facts } };
    this.#before = phone.facts.configuration!;
    this.#stage = read(this.#phone);
    this.#startAt = now;
    this.#done = done;
  }

  dispatch(now: Instant): void {
    if (now >= this.#startAt) this.#start(now);
    if (!this.#started) return;
    this.#stage.dispatch(now, (output) => {
      // A file that cannot be had, or not be read, changes nothing.
      const read = output.kind === 'done' && output.reason !== 'config.cached';
      this.#done(now, read ? this.#compare() : 'same');
    });
  }

  pollAt(): Instant {
    return earlier(this.#startAt, this.#started ? this.#stage.pollAt() : NEVER);
  }

  cancel(now: Instant): void {
    if (this.#started) this.#stage.undo(now);
  }

  #start(now: Instant): void {
    if (this.#phone.files.busy) {
      this.#startAt = now + BUSY_WAIT;
      return;
    }
    this.#startAt = NEVER;
    this.#started = true;
    this.#stage.enter(now);
  }

  #compare(): ConfigurationVerdict {
    const after = this.#phone.facts.configuration!;
    const before = this.#before;
    if (after.protocol !== before.protocol) return 'reset';
    if (after.load !== null && after.load !== before.load && after.load !== this.#phone.boot.load) return 'reset';
    return JSON.stringify(after) === JSON.stringify(before) ? 'same' : 'changed';
  }
}
