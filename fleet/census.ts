import type { Phone, PhoneSinks } from '../device/phone.ts';
import type { Instant } from '../hal/timer.ts';
import { type EventType, STAGE_NAMES, type StageName, type TraceEvents } from '../hal/trace.ts';
import type { EventStream } from './event-stream.ts';
import { Journey } from './journey.ts';
import { Measurements } from './measurements.ts';
import { isDecided, type Verdict, verdictOf } from './verdict.ts';

/** How many phones are where. */
export interface Counts {
  readonly phones: number;
  readonly started: number;
  readonly registered: number;
  /** Phones that are neither: by the stage they are in. */
  readonly inStage: Readonly<Partial<Record<StageName, number>>>;
}

/** Hears all phones of a run: passes every event on, and knows how far each phone has come. */
export class Census implements PhoneSinks {
  readonly measurements = new Measurements();
  readonly journeys: Journey[] = [];
  readonly #stream: EventStream;
  readonly #byName = new Map<string, Journey>();
  readonly #console: ((phone: Phone, line: string) => void) | null;
  #registered = 0;
  #begun = 0;
  readonly #decidedJourneys = new Set<Journey>();

  /** @param console where the phones' serial consoles go. */
  constructor(stream: EventStream, console: ((phone: Phone, line: string) => void) | null = null) {
    this.#stream = stream;
    this.#console = console;
  }

  /**
   * Phones are known before they start, in the order in which they do.
   *
   * @param orderedLoad with one, a phone counts as registered when it has also done with that load: runs it, or has said why it does not.
   */
  expect(names: readonly string[], orderedLoad: string | null = null): void {
    for (const name of names) {
      const journey = new Journey(name, orderedLoad);
      this.journeys.push(journey);
      this.#byName.set(name, journey);
    }
  }

  get registered(): number {
    return this.#registered;
  }

  /** Phones whose turn has come. */
  get begun(): number {
    return this.#begun;
  }

  /** Phones with a verdict. */
  get decided(): number {
    return this.#decidedJourneys.size;
  }

  get allRegistered(): boolean {
    return this.#registered === this.journeys.length;
  }

  get allDecided(): boolean {
    return this.decided === this.journeys.length;
  }

  trace(phone: Phone, at: Instant, type: EventType, fields: TraceEvents[EventType]): void {
    this.hear(phone.board.deviceName, at, type, fields);
  }

  /** The same of a phone that lives in another thread. */
  hear(name: string, at: Instant, type: EventType, fields: TraceEvents[EventType]): void {
    const journey = this.#byName.get(name);
    if (journey !== undefined) {
      this.measurements.hear(at, journey, type, fields);
      const was = journey.hasArrived;
      journey.hear(at, type, fields);
      this.#recount(journey, was);
    }
    // Last: whoever hears of it finds it counted.
    this.#stream.tell(at, name, type, fields);
  }

  console(phone: Phone, line: string): void {
    this.#console?.(phone, line);
  }

  /** The phone at this place of the plan is plugged in. */
  begin(index: number, at: Instant): void {
    const journey = this.journeys[index]!;
    journey.begin();
    this.#begun++;
    this.measurements.started(at);
  }

  /** The program stops a phone for a reason of its own. */
  refuse(name: string, cause: string): void {
    const journey = this.#byName.get(name);
    if (journey === undefined || journey.refusal !== null) return;
    journey.refusal = cause;
    this.#recount(journey, journey.hasArrived);
  }

  /** The thread in which these phones lived is gone: they begin again, or it is not tried any more. */
  lost(names: readonly string[], cause: string | null): void {
    for (const name of names) {
      const journey = this.#byName.get(name)!;
      const was = journey.hasArrived;
      if (journey.state !== 'unstarted') this.#begun--;
      journey.lost(cause);
      this.#recount(journey, was);
    }
  }

  counts(): Counts {
    const inStage: Partial<Record<StageName, number>> = {};
    for (const { state, stage } of this.journeys) {
      if (state !== 'starting' && state !== 'halted') continue;
      const at = stage ?? 'power';
      inStage[at] = (inStage[at] ?? 0) + 1;
    }
    const ordered = STAGE_NAMES.filter((stage) => inStage[stage] !== undefined);
    return {
      phones: this.journeys.length,
      started: this.#begun,
      registered: this.#registered,
      inStage: Object.fromEntries(ordered.map((stage) => [stage, inStage[stage]])),
    };
  }

  verdicts(): (Verdict & { readonly phone: string })[] {
    return this.journeys.map((journey) => ({ phone: journey.phone, ...verdictOf(journey) }));
  }

  #recount(journey: Journey, wasRegistered: boolean): void {
    const is = journey.hasArrived;
    if (is !== wasRegistered) this.#registered += is ? 1 : -1;
    const decided = isDecided(journey);
    if (decided === this.#decidedJourneys.has(journey)) return;
    if (decided) this.#decidedJourneys.add(journey);
    else this.#decidedJourneys.delete(journey);
  }
}
