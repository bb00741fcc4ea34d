import { type EventType, STAGE_NAMES, type StageName, type StageOutcome, type TraceEvents } from '../hal/trace.ts';

/** When and where something was seen. */
export interface Sight {
  /** Seconds since the capture's first frame. */
  readonly at: number;
  /** The frame's number. */
  readonly frame: number;
}

/** An event as the phone itself would have told it, as far as frames show it. */
export interface SeenEvent {
  readonly at: number;
  /** `SEP` and the MAC address. */
  readonly phone: string;
  readonly type: EventType;
  /** Numbers of the frames that show it, for events that end a step: the first and the last of those between. */
  readonly frames: readonly number[];
  readonly [field: string]: unknown;
}

/** One message of a boot, for comparisons. */
export interface SeenMessage extends Sight {
  readonly from: 'phone' | 'network';
  /** What makes it the same message in another boot: `DHCP DISCOVER`, `TFTP RRQ CTL<device>.tlv`. */
  readonly label: string;
  /** All of it in one line. */
  readonly text: string;
}

export interface StoryListener {
  event(event: SeenEvent): void;
  message(phone: string, message: SeenMessage): void;
}

/** Frames named for a step: enough to find the place, from both ends. */
const FIRST_FRAMES = 6;
const LAST_FRAMES = 6;

/** The steps of one phone, told in their order. */
export class Story {
  readonly phone: string;
  readonly #listener: StoryListener;
  #stage: StageName | null = null;
  #first: number[] = [];
  #last: number[] = [];
  /** Of the last frame that belongs to the phone. */
  seen: Sight = { at: 0, frame: 0 };
  /** The first frame that belongs to the phone. */
  readonly from: Sight;
  /** When the capture begins, microseconds since 1970. */
  readonly epoch: number;

  constructor(phone: string, from: Sight, epoch: number, listener: StoryListener) {
    this.phone = phone;
    this.from = from;
    this.epoch = epoch;
    this.#listener = listener;
  }

  /** The step that was entered and not left. */
  get stage(): StageName | null {
    return this.#stage;
  }

  is(stage: StageName): boolean {
    return this.#stage === stage;
  }

  enter(stage: StageName, sight: Sight): void {
    this.#stage = stage;
    this.#first = [];
    this.#last = [];
    this.tell('stage.enter', { stage }, sight);
  }

  /** This frame is part of what shows how the step goes. */
  note({ frame }: Sight): void {
    if (this.#first.at(-1) === frame || this.#last.at(-1) === frame) return;
    if (this.#first.length < FIRST_FRAMES) this.#first.push(frame);
    else {
      this.#last.push(frame);
      if (this.#last.length > LAST_FRAMES) this.#last.shift();
    }
  }

  /** @param detail what was learned, where no other event says it @param frames those that show it, where they are not the step's own */
  leave(
    outcome: StageOutcome,
    reason: string | undefined,
    sight: Sight,
    detail?: string,
    frames: readonly number[] = [...this.#first, ...this.#last],
  ): void {
    const stage = this.#stage;
    if (stage === null) throw new Error('no step is open');
    this.#stage = null;
    this.#listener.event({
      at: sight.at,
      phone: this.phone,
      type: 'stage.leave',
      frames: frames.length === 0 ? [sight.frame] : [...frames],
      stage,
      outcome,
      ...(reason === undefined ? {} : { reason }),
      ...(detail === undefined ? {} : { detail }),
    });
  }

  /** For a step that shows nothing but that it was passed. */
  pass(stage: StageName, outcome: StageOutcome, reason: string, sight: Sight): void {
    this.enter(stage, sight);
    this.leave(outcome, reason, sight);
  }

  tell<T extends EventType>(type: T, fields: TraceEvents[T], sight: Sight): void {
    this.#listener.event({ at: sight.at, phone: this.phone, type, frames: [sight.frame], ...fields });
  }

  message(from: SeenMessage['from'], label: string, text: string, sight: Sight): void {
    this.#listener.message(this.phone, { ...sight, from, label, text });
  }
}

/** Whether one step comes before the other. */
export function isBefore(one: StageName, other: StageName): boolean {
  return STAGE_NAMES.indexOf(one) < STAGE_NAMES.indexOf(other);
}
