import { earlier, type Instant, NEVER } from '../../hal/timer.ts';
import { LoadUpdate } from './load-update.ts';
import type { PhoneContext } from './phone-context.ts';
import type { Stage, StageOutput } from './stage.ts';

/**
 * Step 8, to its end: once the configuration is there, the load that it names is fetched when it is not the one that the phone has. A successful
 * upgrade ends in a reset, any other in a phone that goes on to register as it is; it tries again the next time it reads its configuration.
 */
export class LoadUpdateStage implements Stage {
  readonly name: Stage['name'];
  readonly screenText: string | null;
  readonly #phone: PhoneContext;
  readonly #configuration: Stage;
  readonly #update: LoadUpdate;
  /** The answer of the configuration stage, due once the load is settled. */
  #answer: StageOutput | null = null;

  constructor(phone: PhoneContext, configuration: Stage) {
    this.name = configuration.name;
    this.screenText = configuration.screenText;
    this.#phone = phone;
    this.#configuration = configuration;
    this.#update = new LoadUpdate(phone);
  }

  enter(now: Instant): void {
    this.#giveUp(now);
    const { facts } = this.#phone;
    const ordered = facts.orderedLoad;
    if (ordered === null || ordered.tried || facts.configuration === null) {
      facts.orderedLoad = null;
      this.#configuration.enter(now);
      return;
    }
    // The configuration stands: it is the call manager that wants another load.
    ordered.tried = true;
    this.#fetch(now, ordered.load, { kind: 'done' });
  }

  undo(now: Instant): void {
    this.#giveUp(now);
    this.#configuration.undo(now);
  }

  dispatch(now: Instant, emit: (output: StageOutput) => void): void {
    if (this.#configuration.pollAt() <= now) {
      this.#configuration.dispatch(now, (output) => {
        if (output.kind === 'done' && this.#begin(now, output)) return;
        emit(output);
      });
    }
    if (this.#update.pollAt() <= now) this.#update.dispatch(now);
    const answer = this.#answer;
    if (answer === null || this.#update.busy) return;
    this.#answer = null;
    emit(answer);
  }

  pollAt(): Instant {
    const own = this.#answer === null || this.#update.busy ? NEVER : 0;
    return earlier(earlier(own, this.#update.pollAt()), this.#configuration.pollAt());
  }

  /** False when there is nothing to upgrade to. */
  #begin(now: Instant, answer: StageOutput): boolean {
    const { hal, boot, facts } = this.#phone;
    const { load = null } = facts.configuration ?? {};
    facts.loadRejected = false;
    // The last good configuration is used when no server answers: none would have the load either.
    const isCached = answer.reason === 'config.cached';
    if (load === null || load === boot.load || isCached || hal.tunables['load.update'] === 'ignore') return false;
    this.#fetch(now, load, answer);
    return true;
  }

  #fetch(now: Instant, load: string, answer: StageOutput): void {
    this.#answer = answer;
    this.#update.begin(now, load, this.#phone.facts.configuration?.loadServer ?? null);
  }

  #giveUp(now: Instant): void {
    this.#update.cancel(now);
    this.#answer = null;
  }
}
