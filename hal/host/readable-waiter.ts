/**
 * Waits for file descriptors to become readable, without the event loop, which knows only those that Node opened itself. One thread of libuv's
 * pool (four for the whole process) is blocked in `poll(2)` while waiting.
 */
import { libc } from './libc.ts';

const POLLIN = 1;
const EFD_NONBLOCK_CLOEXEC = 0o4000 | 0o2000000;
/** `struct pollfd` in two words. */
const POLLFD_WORDS = 2;
/** Only a net below `wake`: a worker that is terminated runs no exit handler, and Node waits for its pool's threads. */
const LONGEST_WAIT_MILLISECONDS = 1_000;

export class ReadableWaiter {
  readonly #wakeFd: number;
  /** Held while the kernel writes into it. */
  readonly #descriptors: Int32Array;
  readonly #exit = () => this.wake();
  #done: ((ready: readonly boolean[]) => void) | null = null;
  #closing: (() => void) | null = null;

  constructor(fds: readonly number[]) {
    this.#wakeFd = libc().eventfd(0, EFD_NONBLOCK_CLOEXEC);
    if (this.#wakeFd < 0) throw new Error(`eventfd: error ${libc().errno()}`);
    this.#descriptors = new Int32Array([...fds, this.#wakeFd].flatMap((fd) => [fd, POLLIN]));
    // Without this a process that exits would stand still until the thread is through.
    process.on('exit', this.#exit);
  }

  get waiting(): boolean {
    return this.#done !== null;
  }

  /** Calls `done` once, when a descriptor has something to say or `wake` was called: which of them, in the order of the constructor. */
  wait(done: (ready: readonly boolean[]) => void): void {
    if (this.#done !== null) throw new Error('waiting already');
    this.#done = done;
    this.#poll();
  }

  wake(): void {
    const one = new Uint8Array(8);
    one[0] = 1;
    libc().write(this.#wakeFd, one, one.length);
  }

  /** Resolves when no thread looks at the descriptors any more, so that they can be closed. `done` is not called again. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      const finish = () => {
        process.off('exit', this.#exit);
        libc().close(this.#wakeFd);
        resolve();
      };
      if (this.#done === null) {
        finish();
        return;
      }
      this.#closing = finish;
      this.wake();
    });
  }

  #poll(): void {
    const count = this.#descriptors.length / POLLFD_WORDS;
    libc().pollAsync(this.#descriptors, count, LONGEST_WAIT_MILLISECONDS, () => this.#polled());
  }

  #polled(): void {
    if (this.#closing !== null) {
      this.#closing();
      return;
    }
    const ready: boolean[] = [];
    let any = false;
    for (let word = 1; word < this.#descriptors.length; word += POLLFD_WORDS) {
      // The events that came stand in the upper half.
      const came = this.#descriptors[word]! >>> 16 !== 0;
      ready.push(came);
      any ||= came;
    }
    if (!any) {
      this.#poll();
      return;
    }
    if (ready.pop()) libc().read(this.#wakeFd, new Uint8Array(8), 8);
    const done = this.#done!;
    this.#done = null;
    done(ready);
  }
}
