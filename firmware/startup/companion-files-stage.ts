import type { Instant } from '../../hal/timer.ts';
import { earlier, NEVER } from '../../hal/timer.ts';
import type { PhonePolicy } from '../phone/config/phone-policy.ts';
import type { CompanionFiles } from './companion-files.ts';
import type { PhoneContext } from './phone-context.ts';
import type { Stage, StageOutput } from './stage.ts';

/**
 * Step 8, behind the load: what the configuration says about the network access is put to use, and the files that belong to it are fetched. The answer
 * of the step is held back meanwhile, and is the same whether they are there or not.
 */
export class CompanionFilesStage implements Stage {
  readonly name: Stage['name'];
  readonly screenText: string | null;
  readonly #phone: PhoneContext;
  readonly #configuration: Stage;
  readonly #files: CompanionFiles;
  readonly #configure: (now: Instant, policy: PhonePolicy) => void;
  #answer: StageOutput | null = null;

  /** @param configure puts the policy of a new configuration to use. */
  constructor(
    phone: PhoneContext,
    configuration: Stage,
    files: CompanionFiles,
    configure: (now: Instant, policy: PhonePolicy) => void,
  ) {
    this.name = configuration.name;
    this.screenText = configuration.screenText;
    this.#phone = phone;
    this.#configuration = configuration;
    this.#files = files;
    this.#configure = configure;
  }

  enter(now: Instant): void {
    this.#giveUp();
    this.#configuration.enter(now);
  }

  undo(now: Instant): void {
    this.#giveUp();
    this.#configuration.undo(now);
  }

  dispatch(now: Instant, emit: (output: StageOutput) => void): void {
    if (this.#configuration.pollAt() <= now) {
      this.#configuration.dispatch(now, (output) => {
        if (output.kind === 'done') this.#begin(now, output);
        else emit(output);
      });
    }
    const answer = this.#answer;
    if (answer === null || this.#files.busy) return;
    this.#answer = null;
    emit(answer);
  }

  pollAt(): Instant {
    const own = this.#answer === null || this.#files.busy ? NEVER : 0;
    return earlier(own, this.#configuration.pollAt());
  }

  #begin(now: Instant, answer: StageOutput): void {
    this.#answer = answer;
    const policy = this.#phone.facts.configuration?.policy;
    if (policy === undefined) return;
    this.#configure(now, policy);
    // The last good configuration is used when no server answers: none would have these files either.
    const cached = answer.kind === 'done' && answer.reason === 'config.cached';
    if (!cached) this.#files.fetchFor(now, policy, () => {});
  }

  #giveUp(): void {
    this.#files.cancel();
    this.#answer = null;
  }
}
