import type { CompletionResult, Operation } from '../../hal/secure.ts';
import type { Instant } from '../../hal/timer.ts';

type Waiter = (now: Instant, result: CompletionResult) => void;

/** Who waits for which started operation. */
export class Completions {
  /** Null before the first. */
  #waiting: Map<Operation, Waiter> | null = null;

  /** `waiter` is called once, unless the board is reset before. */
  expect(operation: Operation, waiter: Waiter): void {
    this.#waiting ??= new Map();
    this.#waiting.set(operation, waiter);
  }

  /** False when nobody has started it. */
  complete(now: Instant, operation: Operation, result: CompletionResult): boolean {
    const waiter = this.#waiting?.get(operation);
    if (waiter === undefined) return false;
    this.#waiting?.delete(operation);
    waiter(now, result);
    return true;
  }
}
