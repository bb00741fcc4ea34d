/**
 * Things with a deadline, the earliest first: a binary heap that knows where each thing stands, so that moving one deadline among
 * forty thousand costs a few steps.
 */
import { type Instant, NEVER } from '../../hal/timer.ts';

/** Both fields belong to the heap. Begin with `NEVER` and -1. */
export interface Due {
  dueAt: Instant;
  heapIndex: number;
}

export class DueHeap<T extends Due> {
  readonly #items: T[] = [];

  get size(): number {
    return this.#items.length;
  }

  earliest(): Instant {
    const first = this.#items[0];
    return first === undefined ? NEVER : first.dueAt;
  }

  /** Sets the deadline of `item`; `NEVER` takes it out. */
  set(item: T, at: Instant): void {
    if (at === item.dueAt) return;
    if (at === NEVER) {
      this.#remove(item);
      return;
    }
    const later = at > item.dueAt;
    item.dueAt = at;
    if (item.heapIndex < 0) {
      item.heapIndex = this.#items.length;
      this.#items.push(item);
      this.#rise(item);
    } else if (later) this.#sink(item);
    else this.#rise(item);
  }

  /** Takes out and returns one thing whose deadline is not after `now`; null when there is none. */
  take(now: Instant): T | null {
    const first = this.#items[0];
    if (first === undefined || first.dueAt > now) return null;
    this.#remove(first);
    return first;
  }

  #remove(item: T): void {
    const index = item.heapIndex;
    item.heapIndex = -1;
    item.dueAt = NEVER;
    const last = this.#items.pop()!;
    if (last === item) return;
    last.heapIndex = index;
    this.#items[index] = last;
    this.#sink(last);
    this.#rise(last);
  }

  #rise(item: T): void {
    const items = this.#items;
    let index = item.heapIndex;
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = items[parentIndex]!;
      if (parent.dueAt <= item.dueAt) break;
      items[index] = parent;
      parent.heapIndex = index;
      index = parentIndex;
    }
    items[index] = item;
    item.heapIndex = index;
  }

  #sink(item: T): void {
    const items = this.#items;
    let index = item.heapIndex;
    for (;;) {
      let childIndex = 2 * index + 1;
      if (childIndex >= items.length) break;
      if (childIndex + 1 < items.length && items[childIndex + 1]!.dueAt < items[childIndex]!.dueAt) childIndex++;
      const child = items[childIndex]!;
      if (child.dueAt >= item.dueAt) break;
      items[index] = child;
      child.heapIndex = index;
      index = childIndex;
    }
    items[index] = item;
    item.heapIndex = index;
  }
}
