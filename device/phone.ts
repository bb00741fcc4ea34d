import { type BootDecision, type BootOptions, boot, DEFAULT_TRIAL_TIME } from '../bootloader/boot.ts';
import { KeySequence, STOP_KEY } from '../bootloader/key-sequence.ts';
import type { Board, ModelRow } from '../hal/board.ts';
import type { BootRecord, EntryPoints, SlotName } from '../hal/entry-points.ts';
import type { Flash } from '../hal/flash.ts';
import { HAL_ABI, type Hal } from '../hal/hal.ts';
import type { Mac } from '../hal/nic.ts';
import { DARK_PANEL, type Key, type PanelState } from '../hal/panel.ts';
import type { PowerEvent, PowerSource, ResetReason } from '../hal/power.ts';
import type { Rng } from '../hal/rng.ts';
import type { CompletionResult, Operation, SecureElement } from '../hal/secure.ts';
import type { Alarm, Timeline } from '../hal/timeline.ts';
import { type Duration, type Instant, MILLISECOND, NEVER, SECOND, type WallClock } from '../hal/timer.ts';
import type { Tls } from '../hal/tls.ts';
import type { EventType, Trace, TraceEvents } from '../hal/trace.ts';
import type { TunableValues } from '../hal/tunables.ts';
import { PowerCut } from '../hal/virtual/flash.ts';
import { WireNic } from '../hal/virtual/nic.ts';
import { BoardPanel } from '../hal/virtual/panel.ts';
import { BoardPower } from '../hal/virtual/power.ts';
import { BoardTimer } from '../hal/virtual/timer.ts';
import type { WireEnd } from '../hal/wire-end.ts';
import { writeFault } from '../storage/crash-log.ts';
import { readTrailer } from '../storage/slot-trailer.ts';
import { type Cpu, type CpuFault, isCpuFault } from './cpu.ts';
import { deviceName, serialNumber } from './identity.ts';
import { inflateBody } from './inflate-body.ts';
import { hardwareRevisionOf } from './models.ts';
import { startUpLamps } from './start-up-lamps.ts';

/** Between a reset and the bootloader's first instruction. It also keeps a load that faults at once from looping without time passing. */
export const RESET_TIME: Duration = 100 * MILLISECOND;

/** `off`: no power. `starting`: the bootloader runs next. `running`: a payload has the board. `halted`: nothing in flash can be run. */
export type PhoneState = 'off' | 'starting' | 'running' | 'halted';

/** Where the outside hears of a phone. Shared by all phones of a world. */
export interface PhoneSinks {
  trace(phone: Phone, at: Instant, type: EventType, fields: TraceEvents[EventType]): void;
  panel?(phone: Phone, state: PanelState): void;
  console?(phone: Phone, line: string): void;
  debug?(phone: Phone, at: Instant, line: string): void;
}

/** The board's secure element, with the TLS engine that uses its keys: a reset forgets what was started, and keeps the keys. */
export interface BoardSecureElement extends SecureElement {
  readonly tls: Tls;
  reset(): void;
}

export interface PhoneOptions {
  readonly model: ModelRow;
  readonly mac: Mac;
  /** Without it the one that follows from the MAC. */
  readonly serial?: string;
  readonly flash: Flash;
  readonly wire: WireEnd;
  readonly powerSource: PowerSource;
  readonly rng: Rng;
  readonly wallClock: WallClock;
  /** Makes the phone's secure element; `complete` is to be called once for each started operation. */
  readonly secure: (complete: (operation: Operation, result: CompletionResult) => void) => BoardSecureElement;
  readonly timeline: Timeline;
  readonly cpu: Cpu;
  readonly tunables: TunableValues;
  readonly realistic: boolean;
  /** Mu-law octets at 8 kHz. */
  readonly microphone?: Uint8Array;
  /** Departures from the bootloader's rules that the operator asked for. */
  readonly boot?: BootOptions;
  readonly sinks: PhoneSinks;
}

/**
 * The board of one telephone. It makes the HAL, lets the bootloader choose what runs, and calls the software's entry points: one at a time, never
 * from within another, each to completion.
 */
export class Phone {
  readonly board: Board;
  readonly nic: WireNic;
  readonly #options: PhoneOptions;
  readonly #hal: Hal;
  readonly #power: BoardPower;
  readonly #secure: BoardSecureElement;
  readonly #panel: BoardPanel;
  readonly #bootAlarm: Alarm;
  #shutdownAlarm: Alarm | null = null;
  /** Runs only during a trial boot. */
  #trialAlarm: Alarm | null = null;
  #state: PhoneState = 'off';
  #resetReason: ResetReason = 'power-on';
  /** Faces of the lamp test that were shown since the start. */
  #lampStep = 0;
  /** Keys that are held; null before the first. */
  #held: Set<Key> | null = null;
  /** The key that stops the boot was held when the power came. */
  #stopped = false;
  #software: EntryPoints | null = null;
  /** What runs, or ran last; for the crash log. */
  #record: BootRecord | null = null;
  #busy = false;
  /** Counts power-offs and resets. */
  #life = 0;
  /** What happened while the software was busy; null as long as nothing did. */
  #waiting: (() => void)[] | null = null;

  constructor(options: PhoneOptions) {
    const { model, mac, timeline, sinks } = options;
    this.#options = options;
    this.board = {
      model,
      mac,
      serial: options.serial ?? serialNumber(mac),
      hardwareRevision: hardwareRevisionOf(model),
      deviceName: deviceName(mac),
    };
    this.#power = new BoardPower({
      source: options.powerSource,
      class: options.powerSource === 'poe' ? model.power.class : null,
    });
    this.#panel = new BoardPanel((state) => {
      this.#trace('panel', state);
      sinks.panel?.(this, state);
    });
    this.nic = new WireNic({
      mac,
      wire: options.wire,
      deliver: (bytes, length) => this.#run(frame, bytes, length),
      linkChanged: (state) => this.#run(link, state.up, 0),
      busy: () => this.#busy || this.#software === null,
    });
    this.#secure = options.secure((operation, result) => this.#run(completion, operation, result));
    this.#bootAlarm = timeline.createAlarm(() => this.#startUp());
    this.#hal = this.#makeHal();
  }

  get state(): PhoneState {
    return this.#state;
  }

  get panel(): PanelState {
    return this.#panel.state;
  }

  /** Gives the board power. Harmless while it has some. */
  powerOn(): void {
    if (this.#state !== 'off') return;
    const { source } = this.#power;
    this.#power.onSince = this.#options.timeline.now();
    this.#trace('stage.enter', { stage: 'power' });
    const allocatedMilliwatts = source === 'poe' ? this.#power.availableMilliwatts() : null;
    this.#trace('power.on', { source, class: this.#power.class, allocatedMilliwatts });
    if (source === 'poe') this.#trace('stage.leave', { stage: 'power', outcome: 'done' });
    else this.#trace('stage.leave', { stage: 'power', outcome: 'skipped', reason: 'power.external' });
    this.nic.setPower(true);
    this.#start('power-on', 0);
    this.#stopped = this.#held?.has(STOP_KEY) === true;
  }

  /** Takes the power away, between two instructions. Harmless while there is none. */
  powerOff(): void {
    if (this.#state === 'off') return;
    this.#stop('off');
    this.nic.setPower(false);
    this.#trace('power.off', {});
  }

  /** Resets the board from outside, as its watchdog and a person's `reset` do. */
  reset(reason: ResetReason): void {
    if (this.#state === 'off') return;
    this.#trace('power.reset', { reason });
    this.#start(reason, RESET_TIME);
  }

  /** Asks the software to leave the network in order and switches off when it has, or after `limit`. */
  shutdown(limit: Duration): void {
    if (this.#state === 'off') return;
    if (this.#software?.onShutdown === undefined) {
      this.powerOff();
      return;
    }
    this.#shutdownAlarm ??= this.#options.timeline.createAlarm(() => this.powerOff());
    this.#shutdownAlarm.arm(this.#options.timeline.now() + limit);
    this.#run(shutdown, 0, 0);
  }

  /** A finger stays on a key; what the software hears is one press. */
  hold(key: Key): void {
    this.#held ??= new Set();
    this.#held.add(key);
    this.press(key);
  }

  release(key: Key): void {
    this.#held?.delete(key);
  }

  press(key: Key): void {
    this.#run(input, key, 0);
  }

  /** The supply allows another value: the switch has granted or taken back. */
  allocate(milliwatts: number): void {
    if (!this.#power.allocate(milliwatts)) return;
    this.#run(power, { source: this.#power.source, availableMilliwatts: milliwatts }, 0);
  }

  /** `Cpu.runGuarded` has stopped this phone's software. */
  stopped(limitMilliseconds: number): void {
    this.#busy = false;
    this.#fault('watchdog', { reason: `stopped after ${limitMilliseconds} ms in one slice`, stack: [] });
  }

  #start(reason: ResetReason, delay: Duration): void {
    this.#stop('starting');
    this.#resetReason = reason;
    this.#lampStep = 0;
    this.#stopped = false;
    this.#bootAlarm.arm(this.#options.timeline.now() + delay);
  }

  /** The board as it is without software: nothing armed, nothing let in, nothing shown. */
  #stop(state: 'off' | 'starting' | 'halted'): void {
    this.#state = state;
    this.#life++;
    this.#software = null;
    this.#waiting = null;
    this.#power.takeRequestedReset();
    this.#power.takeOff();
    this.#shutdownAlarm?.arm(NEVER);
    this.#trialAlarm?.arm(NEVER);
    this.#secure.reset();
    this.#hal.timer.arm(NEVER);
    this.#bootAlarm.arm(NEVER);
    this.nic.reset();
    this.#panel.show(DARK_PANEL);
  }

  /** At a real phone's pace the lamps are tested first; then the bootloader has its turn. */
  #startUp(): void {
    const { realistic, tunables, timeline, model } = this.#options;
    const step = tunables['boot.ledStep'] * SECOND;
    const face = realistic && step > 0 ? startUpLamps(model)[this.#lampStep] : undefined;
    this.#panel.show(face ?? DARK_PANEL);
    if (face === undefined) {
      this.#boot();
      return;
    }
    this.#lampStep++;
    this.#bootAlarm.arm(timeline.now() + step);
  }

  /** Lets the bootloader choose, and hands the board over to what it chose. */
  #boot(): void {
    this.#enter(() => this.#handOff());
    if (this.#software !== null) this.#run(link, this.nic.link().up, 0);
  }

  #handOff(): void {
    const { cpu, flash } = this.#options;
    if (this.#stopped) {
      this.#software = new KeySequence(this.#hal);
      this.#state = 'running';
      return;
    }
    const life = this.#life;
    this.#trace('stage.enter', { stage: 'image' });
    const decision: BootDecision = boot(this.#hal, this.#resetReason, this.#options.boot);
    if (decision.kind === 'halt') {
      this.#trace('stage.leave', { stage: 'image', outcome: 'failed', reason: 'image.none' });
      this.#stop('halted');
      this.#trace('fault', { reason: 'nothing-to-run', detail: decision.reason });
      return;
    }
    this.#record = decision.record;
    this.#trace('stage.leave', { stage: 'image', outcome: 'done', reason: decision.slot });
    const payload = cpu.load(decision.bodyDigest, () => {
      const body = flash.read(decision.bodyOffset, decision.bodyLength);
      return decision.compression === 'deflate' ? inflateBody(body) : body;
    });
    if (isCpuFault(payload)) {
      this.#fault('exception', payload);
      return;
    }
    const software = payload(this.#hal, decision.record);
    // Whoever heard of the boot may have switched the phone off meanwhile.
    if (life !== this.#life) return;
    this.#software = software;
    this.#state = 'running';
    if (decision.record.trial) this.#watchTrial(decision.record.slot);
  }

  /** A new image that hangs around without confirming itself is reset, and so reverted. */
  #watchTrial(slot: SlotName): void {
    const { timeline, flash, boot: options } = this.#options;
    const limit = options?.trialTime ?? DEFAULT_TRIAL_TIME;
    this.#trialAlarm ??= timeline.createAlarm(() => {
      if (slot === 'recovery' || readTrailer(flash, slot).confirmed) return;
      this.#fault('watchdog', { reason: `not confirmed within ${limit / SECOND} s of its trial boot`, stack: [] });
    });
    this.#trialAlarm.arm(timeline.now() + limit);
  }

  /** Runs one entry point to completion. What comes from the software itself while it runs has to wait. */
  #run<A, B>(call: (software: EntryPoints, a: A, b: B) => void, a: A, b: B): void {
    const software = this.#software;
    if (software === null) return;
    if (this.#busy) {
      this.#waiting ??= [];
      this.#waiting.push(() => this.#run(call, a, b));
      return;
    }
    this.#enter(() => call(software, a, b));
  }

  #enter(code: () => void): void {
    const { cpu } = this.#options;
    const outer = cpu.running;
    cpu.running = this;
    this.#busy = true;
    try {
      code();
    } catch (thrown) {
      if (thrown instanceof PowerCut) this.powerOff();
      else this.#fault('exception', this.#options.cpu.faultOf(thrown));
    }
    // No `finally`: code that the watchdog stops runs none, and the phone to blame is read from `cpu.running`.
    this.#busy = false;
    cpu.running = outer;
    this.#afterwards();
  }

  /** What the software asked for and what came while it ran. */
  #afterwards(): void {
    if (this.#power.takeOff()) {
      this.powerOff();
      return;
    }
    const reason = this.#power.takeRequestedReset();
    if (reason !== null) {
      this.reset(reason);
      return;
    }
    const waiting = this.#waiting;
    this.#waiting = null;
    if (waiting !== null) for (const deliver of waiting) deliver();
    this.nic.drain();
  }

  /** A CPU fault: told, written down, reset. */
  #fault(reason: 'exception' | 'watchdog', fault: CpuFault): void {
    const { flash, timeline } = this.#options;
    const detail = [fault.reason, ...fault.stack].join('\n');
    const { slot, load } = this.#record ?? { slot: '', load: '' };
    this.#trace('fault', { reason, detail });
    this.#start(reason === 'watchdog' ? 'watchdog' : 'fault', RESET_TIME);
    try {
      writeFault(flash, { slot, load, at: timeline.now(), reason, detail });
    } catch (thrown) {
      if (!(thrown instanceof PowerCut)) throw thrown;
      this.powerOff();
    }
  }

  #trace<T extends EventType>(type: T, fields: TraceEvents[T]): void {
    this.#options.sinks.trace(this, this.#options.timeline.now(), type, fields);
  }

  #makeHal(): Hal {
    const { timeline, sinks, microphone } = this.#options;
    const trace: Trace = {
      event: (type, fields) => this.#trace(type, fields),
      debug: (line) => sinks.debug?.(this, timeline.now(), line),
    };
    return {
      abi: HAL_ABI,
      board: this.board,
      timer: new BoardTimer(timeline, () => this.#run(alarm, 0, 0)),
      wallClock: this.#options.wallClock,
      nic: this.nic,
      flash: this.#options.flash,
      power: this.#power,
      rng: this.#options.rng,
      secure: this.#secure,
      tls: this.#secure.tls,
      panel: this.#panel,
      console: { write: (line) => sinks.console?.(this, line) },
      ...(microphone === undefined ? {} : { microphone }),
      trace,
      tunables: this.#options.tunables,
      realistic: this.#options.realistic,
    };
  }
}

/** The entry points as functions, so that calling one makes no closure. */
const frame = (software: EntryPoints, bytes: Uint8Array, length: number): void => software.onFrame(bytes, length);
const alarm = (software: EntryPoints): void => software.onAlarm();
const link = (software: EntryPoints, up: boolean): void => software.onLink(up);
const power = (software: EntryPoints, event: PowerEvent): void => software.onPower(event);
const input = (software: EntryPoints, key: Key): void => software.onInput(key);
const shutdown = (software: EntryPoints): void => software.onShutdown?.();
const completion = (software: EntryPoints, operation: Operation, result: CompletionResult): void =>
  software.onCompletion(operation, result);
