import { earlier, type Instant, NEVER } from '../../hal/timer.ts';
import type { StageName, StageOutcome } from '../../hal/trace.ts';
import type { Stage, StageOutput } from './stage.ts';

/** Where the sequencer stands. All stages below `index` have answered; those above have not been entered. */
type State =
  | { readonly kind: 'idle' }
  | { readonly kind: 'in'; readonly index: number }
  | { readonly kind: 'waiting'; readonly index: number; readonly retryAt: Instant; readonly retryIndex: number }
  | { readonly kind: 'complete' };

/** What the sequencer reports; the kernel turns it into trace events and screen text. */
export interface SequencerObserver {
  entered(now: Instant, stage: Stage): void;
  left(now: Instant, stage: StageName, outcome: StageOutcome, reason: string | undefined): void;
  /** The last stage is done: the phone is registered. */
  completed(now: Instant): void;
}

/**
 * Owns the order of the stages and the edges back. It knows nothing about any protocol: a stage says what came of it, the
 * sequencer decides which stage is next and undoes, in reverse order, what no longer stands.
 */
export class Sequencer {
  readonly #stages: readonly Stage[];
  readonly #observer: SequencerObserver;
  #state: State = { kind: 'idle' };

  constructor(stages: readonly Stage[], observer: SequencerObserver) {
    this.#stages = stages;
    this.#observer = observer;
  }

  /** The stage the phone is in, or waits to enter again; null before the start and once all are done. */
  get current(): StageName | null {
    const state = this.#state;
    return state.kind === 'in' || state.kind === 'waiting' ? this.#stages[state.index]!.name : null;
  }

  get complete(): boolean {
    return this.#state.kind === 'complete';
  }

  start(now: Instant): void {
    if (this.#state.kind !== 'idle') throw new Error('the startup sequence runs already');
    this.#enter(now, 0);
  }

  /** Goes back to a stage on the operator's or the call manager's wish; `reason` closes the stage the phone was in. */
  backTo(now: Instant, name: StageName, reason: string): void {
    const index = this.#indexOf(name);
    const { last } = this.#reached();
    if (index > last) return;
    if (this.#state.kind === 'in') this.#leave(now, this.#state.index, 'failed', reason);
    this.#rewind(now, index, last);
    this.#enter(now, index);
  }

  dispatch(now: Instant): void {
    const state = this.#state;
    if (state.kind === 'waiting' && state.retryAt <= now) {
      this.#rewind(now, state.retryIndex, state.index);
      this.#enter(now, state.retryIndex);
    }
    const { last } = this.#reached();
    for (let index = 0; index <= last; index++) {
      const stage = this.#stages[index]!;
      if (stage.pollAt() > now) continue;
      stage.dispatch(now, (output) => this.#handle(now, index, output));
    }
  }

  pollAt(): Instant {
    const { last } = this.#reached();
    let at = this.#state.kind === 'waiting' ? this.#state.retryAt : NEVER;
    for (let index = 0; index <= last; index++) at = earlier(at, this.#stages[index]!.pollAt());
    return at;
  }

  #reached(): { last: number } {
    switch (this.#state.kind) {
      case 'idle':
        return { last: -1 };
      case 'complete':
        return { last: this.#stages.length - 1 };
      default:
        return { last: this.#state.index };
    }
  }

  #handle(now: Instant, index: number, output: StageOutput): void {
    if (output.kind === 'lost') {
      this.#lose(now, index, output);
      return;
    }
    // An answer counts only from the stage we are in: one that was undone meanwhile has nothing left to say.
    if (this.#state.kind !== 'in' || this.#state.index !== index) return;
    this.#leave(now, index, output.kind, output.reason);
    if (output.kind === 'failed' && output.retry !== null) {
      const from = output.retry.from;
      const retryIndex = from === undefined ? index : this.#indexOf(from);
      this.#state = { kind: 'waiting', index, retryAt: output.retry.at, retryIndex };
      return;
    }
    this.#enter(now, index + 1);
  }

  #lose(now: Instant, index: number, output: Extract<StageOutput, { kind: 'lost' }>): void {
    const { last } = this.#reached();
    if (index > last) return;
    if (this.#state.kind === 'in') this.#leave(now, this.#state.index, 'failed', output.reason);
    const target = output.backTo === undefined ? index : Math.min(index, this.#indexOf(output.backTo));
    this.#rewind(now, target, last);
    this.#enter(now, target);
  }

  /** Undoes the stages after `target`, the latest first. The target itself keeps what is still good and is entered again. */
  #rewind(now: Instant, target: number, last: number): void {
    const back = this.#stages[target]!.name;
    for (let index = last; index > target; index--) this.#stages[index]!.undo(now, back);
  }

  #enter(now: Instant, index: number): void {
    const stage = this.#stages[index];
    if (stage === undefined) {
      this.#state = { kind: 'complete' };
      this.#observer.completed(now);
      return;
    }
    this.#state = { kind: 'in', index };
    this.#observer.entered(now, stage);
    stage.enter(now);
  }

  #leave(now: Instant, index: number, outcome: StageOutcome, reason: string | undefined): void {
    this.#observer.left(now, this.#stages[index]!.name, outcome, reason);
  }

  #indexOf(name: StageName): number {
    const index = this.#stages.findIndex((stage) => stage.name === name);
    if (index < 0) throw new Error(`no stage ${name} in this sequence`);
    return index;
  }
}
