import { type Instant, SECOND } from '../hal/timer.ts';

/** One event as the outside sees it; docs and scripts rely on the names. */
export interface StreamEvent {
  /** Seconds since power-on of the world. */
  readonly at: number;
  /** RFC 3339, UTC; only where time is the machine's. */
  readonly time?: string;
  /** Device name; absent where the event concerns all phones. */
  readonly phone?: string;
  readonly type: string;
  readonly [field: string]: unknown;
}

export type EventListener = (event: StreamEvent) => void;

interface Subscription {
  readonly listener: EventListener;
  /** Null hears all. */
  readonly types: ReadonlySet<string> | null;
}

/** All that happens to the phones of a run, as objects; none is made unless somebody listens to its type. */
export class EventStream {
  readonly #subscriptions: Subscription[] = [];
  readonly #clock: (() => number) | null;

  /** @param clock milliseconds since 1970 on a real timeline; null where time is simulated. */
  constructor(clock: (() => number) | null = null) {
    this.#clock = clock;
  }

  listen(listener: EventListener, types: readonly string[] | null = null): void {
    this.#subscriptions.push({ listener, types: types === null ? null : new Set(types) });
  }

  tell(at: Instant, phone: string | null, type: string, fields: object): void {
    let event: StreamEvent | null = null;
    for (const { listener, types } of this.#subscriptions) {
      if (types !== null && !types.has(type)) continue;
      event ??= this.#make(at, phone, type, fields);
      listener(event);
    }
  }

  #make(at: Instant, phone: string | null, type: string, fields: object): StreamEvent {
    return {
      at: at / SECOND,
      ...(this.#clock === null ? {} : { time: new Date(this.#clock()).toISOString() }),
      ...(phone === null ? {} : { phone }),
      type,
      ...fields,
    };
  }
}
