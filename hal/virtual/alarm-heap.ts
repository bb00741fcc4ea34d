import type { Alarm } from '../timeline.ts';
import { type Instant, NEVER } from '../timer.ts';

const INITIAL_CAPACITY = 64;

/** Index of an alarm that is not armed. */
const OUTSIDE = -1;

/**
 * An indexed binary heap keyed (at, sequence): the order of every timeline, virtual or real. Re-arming moves the entry, so an alarm never
 * occupies more than one place. The keys stand in typed arrays beside the alarms, because comparing them is most of the work.
 *
 * The first place stays empty, with its old key, when its alarm is taken out: what fires nearly always arms something that is due soon, which then has its
 * place at the top at once. Otherwise the last alarm would be brought there, and sink through the whole heap, and the new one rise through it.
 */
export class AlarmHeap {
  #ats = new Float64Array(INITIAL_CAPACITY);
  #sequences = new Float64Array(INITIAL_CAPACITY);
  readonly #alarms: HeapAlarm[] = [];
  #firstIsTaken = false;
  /** Counts armings; 2^53 of them outlast any run. */
  #sequence = 0;
  /** The alarm that is on its way to its place, and its key: what `repair` could not find in the heap. */
  #inHand: HeapAlarm | null = null;
  #atInHand: Instant = 0;
  #sequenceInHand = 0;
  readonly #now: () => Instant;
  readonly #armed: () => void;

  /**
   * @param now the clock: an instant in the past is armed for now instead, behind what is already due now.
   * @param armed called after each arming.
   */
  constructor(now: () => Instant, armed: () => void = () => {}) {
    this.#now = now;
    this.#armed = armed;
  }

  get size(): number {
    return this.#alarms.length - (this.#firstIsTaken ? 1 : 0);
  }

  nextAt(): Instant {
    if (this.#firstIsTaken) this.#replaceFirst();
    return this.#alarms.length === 0 ? NEVER : this.#ats[0]!;
  }

  createAlarm(callback: () => void): Alarm {
    return new HeapAlarm(this, callback);
  }

  /** Takes the first alarm out and returns it; undefined when the heap is empty. */
  pop(): HeapAlarm | undefined {
    if (this.#firstIsTaken) this.#replaceFirst();
    const first = this.#alarms[0];
    if (first === undefined) return undefined;
    first.index = OUTSIDE;
    this.#firstIsTaken = true;
    return first;
  }

  /** Called by the alarm. */
  arm(alarm: HeapAlarm, at: Instant): void {
    // Also true of NaN, which would break the order for good.
    if (at !== Math.floor(at)) throw new RangeError(`an alarm needs whole microseconds, not ${at}`);
    if (at === NEVER) {
      if (alarm.index !== OUTSIDE) this.#remove(alarm);
      return;
    }
    const now = this.#now();
    const due = at > now ? at : now;
    const sequence = this.#sequence++;
    this.#take(alarm, due, sequence);
    if (alarm.index === OUTSIDE && this.#firstIsTaken) {
      this.#firstIsTaken = false;
      this.#siftDown(0, alarm, due, sequence);
    } else if (alarm.index === OUTSIDE) {
      this.#alarms.push(alarm);
      if (this.#alarms.length > this.#ats.length) this.#grow();
      this.#siftUp(this.#alarms.length - 1, alarm, due, sequence);
    } else {
      this.#settle(alarm.index, alarm, due, sequence);
    }
    this.#inHand = null;
    this.#armed();
  }

  /**
   * Restores the order after code was stopped from outside in the middle of an arming, as a watchdog does: entries that were being moved stand
   * twice, and the one they made room for stands nowhere.
   */
  repair(): void {
    const entries = new Map<HeapAlarm, { at: Instant; sequence: number }>();
    for (const [index, alarm] of this.#alarms.entries()) {
      if (alarm.index === OUTSIDE || alarm === this.#inHand) continue;
      entries.set(alarm, { at: this.#ats[index]!, sequence: this.#sequences[index]! });
    }
    if (this.#inHand !== null) entries.set(this.#inHand, { at: this.#atInHand, sequence: this.#sequenceInHand });
    this.#inHand = null;
    this.#firstIsTaken = false;
    // What is sorted is a heap.
    const sorted = [...entries].sort(([, a], [, b]) => a.at - b.at || a.sequence - b.sequence);
    this.#alarms.length = sorted.length;
    if (sorted.length > this.#ats.length) this.#grow();
    for (const [index, [alarm, { at, sequence }]] of sorted.entries()) this.#put(index, alarm, at, sequence);
  }

  #grow(): void {
    const ats = new Float64Array(this.#ats.length * 2);
    const sequences = new Float64Array(this.#ats.length * 2);
    ats.set(this.#ats);
    sequences.set(this.#sequences);
    this.#ats = ats;
    this.#sequences = sequences;
  }

  /** Nothing came for the first place. */
  #replaceFirst(): void {
    this.#firstIsTaken = false;
    this.#fill(0);
  }

  #remove(alarm: HeapAlarm): void {
    const hole = alarm.index;
    alarm.index = OUTSIDE;
    this.#fill(hole);
  }

  /** Puts the last alarm where there is a hole, and then where it belongs. */
  #fill(hole: number): void {
    const lastIndex = this.#alarms.length - 1;
    const last = this.#alarms[lastIndex]!;
    const at = this.#ats[lastIndex]!;
    const sequence = this.#sequences[lastIndex]!;
    if (hole !== lastIndex) this.#take(last, at, sequence);
    this.#alarms.pop();
    if (hole !== lastIndex) this.#settle(hole, last, at, sequence);
    this.#inHand = null;
  }

  #take(alarm: HeapAlarm, at: Instant, sequence: number): void {
    this.#atInHand = at;
    this.#sequenceInHand = sequence;
    this.#inHand = alarm;
  }

  /** Puts an alarm where there is a hole, and then where it belongs. */
  #settle(hole: number, alarm: HeapAlarm, at: Instant, sequence: number): void {
    const parent = (hole - 1) >> 1;
    if (hole > 0 && this.#isBefore(at, sequence, parent)) this.#siftUp(hole, alarm, at, sequence);
    else this.#siftDown(hole, alarm, at, sequence);
  }

  #isBefore(at: Instant, sequence: number, index: number): boolean {
    const other = this.#ats[index]!;
    return at < other || (at === other && sequence < this.#sequences[index]!);
  }

  #siftUp(from: number, alarm: HeapAlarm, at: Instant, sequence: number): void {
    let hole = from;
    while (hole > 0) {
      const parent = (hole - 1) >> 1;
      if (!this.#isBefore(at, sequence, parent)) break;
      this.#move(parent, hole);
      hole = parent;
    }
    this.#put(hole, alarm, at, sequence);
  }

  #siftDown(from: number, alarm: HeapAlarm, at: Instant, sequence: number): void {
    const ats = this.#ats;
    const sequences = this.#sequences;
    const size = this.#alarms.length;
    let hole = from;
    for (let child = 2 * hole + 1; child < size; child = 2 * hole + 1) {
      const right = child + 1;
      if (right < size && this.#isBefore(ats[right]!, sequences[right]!, child)) child = right;
      if (this.#isBefore(at, sequence, child)) break;
      this.#move(child, hole);
      hole = child;
    }
    this.#put(hole, alarm, at, sequence);
  }

  #move(from: number, to: number): void {
    this.#put(to, this.#alarms[from]!, this.#ats[from]!, this.#sequences[from]!);
  }

  #put(index: number, alarm: HeapAlarm, at: Instant, sequence: number): void {
    this.#alarms[index] = alarm;
    this.#ats[index] = at;
    this.#sequences[index] = sequence;
    alarm.index = index;
  }
}

/** An entry of the heap; what `createAlarm` gives out. */
export class HeapAlarm implements Alarm {
  readonly callback: () => void;
  /** Place in the heap, kept by the heap. */
  index = OUTSIDE;
  readonly #heap: AlarmHeap;

  constructor(heap: AlarmHeap, callback: () => void) {
    this.#heap = heap;
    this.callback = callback;
  }

  arm(at: Instant): void {
    this.#heap.arm(this, at);
  }
}
