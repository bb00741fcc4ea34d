import { autoMac } from '../../device/identity.ts';
import { modelNamed } from '../../device/models.ts';
import type { Phone } from '../../device/phone.ts';
import { type PhonePlan, VirtualWorld, type VirtualWorldOptions } from '../../fleet/virtual-world.ts';
import { SECOND } from '../../hal/timer.ts';
import type { StageName, TraceEvents } from '../../hal/trace.ts';
import { type TunableValues, tunableValues } from '../../hal/tunables.ts';
import { FLASH_MAP } from '../../storage/flash-map.ts';
import { RecordStore } from '../../storage/record-store.ts';
import { Settings } from '../../storage/settings.ts';
import { builtImages } from './built-images.ts';

export interface WorldEvent {
  /** Seconds. */
  readonly at: number;
  readonly phone: string;
  readonly type: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface TestWorldOptions extends Partial<Omit<VirtualWorldOptions, 'phones' | 'tunables'>> {
  readonly model?: string;
  readonly protocol?: 'sccp' | 'sip';
  readonly count?: number;
  readonly tunables?: Partial<TunableValues>;
  /** Settings that stand in the flash of every phone before it starts. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** The epoch of test worlds: 2026-11-22T08:00:00Z. */
const EPOCH = Date.UTC(2026, 10, 22, 8);

/** A world for scenarios: phones powered one by one, every event kept, time moved by hand. */
export class TestWorld extends VirtualWorld {
  readonly events: WorldEvent[];

  constructor(options: TestWorldOptions = {}) {
    const { model = '7975', protocol = 'sccp', count = 1, tunables, settings = {}, ...others } = options;
    const events: WorldEvent[] = [];
    const row = modelNamed(model)!;
    const phones: PhonePlan[] = Array.from({ length: count }, (_, index) => ({
      model: row,
      mac: autoMac(0, 0, index),
      protocol,
    }));
    super({
      seed: 1,
      realistic: false,
      powerSource: 'poe',
      epoch: EPOCH,
      images: builtImages(),
      ...others,
      phones,
      tunables: tunableValues(tunables),
      sinks: {
        trace: (phone, at, type, fields) =>
          events.push({ at: at / SECOND, phone: phone.board.deviceName, type, fields: { ...fields } }),
      },
    });
    this.events = events;
    for (const index of phones.keys()) {
      const store = new Settings(RecordStore.open(this.flash(index), FLASH_MAP.settings));
      for (const [name, text] of Object.entries(settings)) {
        const problem = store.set(name, text);
        if (problem !== null) throw new Error(problem);
      }
    }
  }

  get phone(): Phone {
    return this.phones[0]!;
  }

  /** Runs for so many seconds of the world's time. */
  run(seconds: number): void {
    this.timeline.runUntil(this.timeline.now() + Math.round(seconds * SECOND));
  }

  /** As `run`, where the board computes what holds the timeline. */
  async runHeld(seconds: number): Promise<void> {
    const end = this.timeline.now() + Math.round(seconds * SECOND);
    while (!this.timeline.runUntil(end)) await this.#released();
  }

  /** As `runUntil`, where the board computes what holds the timeline. */
  async runHeldUntil<T extends keyof TraceEvents>(type: T, seconds = 600): Promise<TraceEvents[T]> {
    const from = this.events.length;
    const end = this.timeline.now() + seconds * SECOND;
    while (this.timeline.nextAt() <= end) {
      if (this.timeline.held) await this.#released();
      this.timeline.step();
      const found = this.events.slice(from).find((event) => event.type === type);
      if (found !== undefined) return found.fields as TraceEvents[T];
    }
    throw this.#notHeard(type, seconds, from);
  }

  #released(): Promise<void> {
    return new Promise((resolve) => this.timeline.onRelease(resolve));
  }

  #notHeard(type: string, seconds: number, from: number): Error {
    const said = this.events.slice(from).map(({ at, type: what, fields }) => `${at} ${what} ${JSON.stringify(fields)}`);
    return new Error(`no ${type} within ${seconds} s:\n${said.slice(-25).join('\n')}`);
  }

  /** Runs until an event of this type comes after now, at most `seconds`. Throws with what the phone did instead. */
  runUntil<T extends keyof TraceEvents>(type: T, seconds = 600): TraceEvents[T] {
    const from = this.events.length;
    const end = this.timeline.now() + seconds * SECOND;
    while (this.timeline.nextAt() <= end) {
      this.timeline.step();
      const found = this.events.slice(from).find((event) => event.type === type);
      if (found !== undefined) return found.fields as TraceEvents[T];
    }
    throw this.#notHeard(type, seconds, from);
  }

  /** Fields of all events of a type so far. */
  all<T extends keyof TraceEvents>(type: T): TraceEvents[T][] {
    return this.events.filter((event) => event.type === type).map((event) => event.fields as TraceEvents[T]);
  }

  /** The last outcome of each stage that was left. */
  outcomes(): Partial<Record<StageName, string>> {
    const outcomes: Partial<Record<StageName, string>> = {};
    for (const { stage, outcome, reason } of this.all('stage.leave')) {
      outcomes[stage] = reason === undefined ? outcome : `${outcome} (${reason})`;
    }
    return outcomes;
  }

  statuses(): string[] {
    return this.all('status').map(({ message }) => message);
  }

  /** What the phone shows, from top to bottom. */
  screen(): readonly string[] {
    return this.phone.panel.text;
  }
}
