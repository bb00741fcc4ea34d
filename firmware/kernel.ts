import type { BootRecord, EntryPoints } from '../hal/entry-points.ts';
import type { Hal } from '../hal/hal.ts';
import type { Key, PanelState } from '../hal/panel.ts';
import type { PowerEvent } from '../hal/power.ts';
import type { CompletionResult, Operation } from '../hal/secure.ts';
import { type Duration, earlier, type Instant, MILLISECOND, NEVER, SECOND } from '../hal/timer.ts';
import { FLASH_MAP } from '../storage/flash-map.ts';
import { RecordStore } from '../storage/record-store.ts';
import { Stack } from './net/stack.ts';
import { bootLights } from './phone/boot-lights.ts';
import { Keypad } from './startup/keypad.ts';
import { newPhoneContext, stageObserver } from './startup/new-phone-context.ts';
import { sharesFirmware } from './startup/peer-search.ts';
import { PeerServer } from './startup/peer-server.ts';
import type { PhoneContext } from './startup/phone-context.ts';
import { type Stages, startupStages } from './startup/sequence.ts';
import { Sequencer } from './startup/sequencer.ts';
import { withShownLoad } from './startup/stored-load.ts';

/** Rounds of draining within one entry point. Each round answers outputs of the one before, and no dialogue is that deep: more is a machine that never rests. */
const MAX_ROUNDS = 1000;

/** Time for the last frames to leave. */
const LAST_WORDS: Duration = 500 * MILLISECOND;

/**
 * The loop: an entry point comes in, is given to the stack or a stage, everything that is due is drained, one alarm is armed.
 */
export class Kernel implements EntryPoints {
  readonly #hal: Hal;
  readonly #phone: PhoneContext;
  readonly #stack: Stack;
  readonly #stages: Stages;
  readonly #sequencer: Sequencer;
  readonly #keypad: Keypad;
  /** Made when the phone is to pass on its load. */
  #peers: PeerServer | null = null;
  /** Lamps still to be lit before the start, and when the next one is. */
  #lights: readonly PanelState[];
  #lightAt: Instant = NEVER;
  /** Registered, and the idle screen has not been told yet. */
  #untold = false;
  /** The operator takes the phone off the network; said once. */
  #leaving = false;
  /** When the supply may go: RELEASE may wait for ARP until then. */
  #offAt: Instant = NEVER;

  constructor(hal: Hal, boot: BootRecord) {
    this.#hal = hal;
    const { nic, rng, trace, flash } = hal;
    const memory = RecordStore.open(flash, FLASH_MAP.settings);
    const stack = new Stack({
      nic,
      rng,
      discovery: (now, kind, bytes, offset, length) =>
        this.#stages.voiceVlan.discovered(now, kind, bytes, offset, length),
      hooks: {
        onDebug: (line) => trace.debug(line),
        onConflict: (now) => this.#stages.address.conflict(now),
      },
    });
    this.#stack = stack;
    this.#phone = newPhoneContext(hal, withShownLoad(boot, memory), stack, memory);
    this.#stages = startupStages(this.#phone);
    const observer = stageObserver(this.#phone, () => {
      this.#untold = true;
      this.#stages.releaseTrust();
      const at = hal.timer.now();
      this.#stages.enrolment.registered(at);
      this.#sharePeers(at);
    });
    this.#sequencer = new Sequencer(this.#stages.inOrder, observer);
    this.#keypad = new Keypad(this.#phone, this.#stages, () => !this.#sequencer.complete);
    this.#lights = bootLights(hal.board.model.name);
    const now = hal.timer.now();
    this.#lightAt = now;
    this.#settle(now);
  }

  onFrame(bytes: Uint8Array, length: number): void {
    const now = this.#hal.timer.now();
    if (this.#stack.process(now, bytes, length)) this.#settle(now);
  }

  onAlarm(): void {
    this.#settle(this.#hal.timer.now());
  }

  onLink(up: boolean): void {
    const now = this.#hal.timer.now();
    this.#stages.voiceVlan.link(now, up);
    this.#settle(now);
  }

  onPower(event: PowerEvent): void {
    this.#hal.trace.debug(`power: ${event.availableMilliwatts} mW from ${event.source}`);
  }

  onInput(key: Key): void {
    const now = this.#hal.timer.now();
    this.#keypad.press(now, key);
    this.#settle(now);
  }

  onCompletion(operation: Operation, result: CompletionResult): void {
    const now = this.#hal.timer.now();
    if (!this.#phone.completions.complete(now, operation, result)) {
      throw new Error(`operation ${operation} was not started by this load`);
    }
    this.#settle(now);
  }

  onShutdown(): void {
    if (this.#leaving) return;
    this.#leaving = true;
    const now = this.#hal.timer.now();
    this.#stages.callManager.leave(now, (at) => {
      this.#stages.address.release(at);
      this.#stages.voiceVlan.goodBye(at);
      this.#offAt = at + LAST_WORDS;
    });
    this.#settle(now);
  }

  #settle(now: Instant): void {
    if (now >= this.#offAt) {
      this.#hal.power.off();
      return;
    }
    if (now >= this.#lightAt) this.#light(now);
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const { names, files } = this.#phone;
      if (this.#stack.pollAt() <= now) this.#stack.dispatch(now);
      if (names.pollAt() <= now) names.dispatch(now);
      if (files.pollAt() <= now) files.dispatch(now);
      if (this.#peers !== null && this.#peers.pollAt() <= now) this.#peers.dispatch(now);
      if (this.#stages.tvs.pollAt() <= now) this.#stages.tvs.dispatch(now);
      this.#sequencer.dispatch(now);
      const at = this.#pollAt();
      if (at > now) {
        if (this.#untold) this.#tellIdle(now);
        this.#hal.timer.arm(earlier(earlier(at, this.#lightAt), this.#offAt));
        return;
      }
    }
    throw new Error(`the phone does not come to rest in stage ${this.#sequencer.current ?? 'registered'}`);
  }

  /** The lamps of the hardware test, each for its time where the pace is a real phone's; then the phone starts. */
  #light(now: Instant): void {
    const { panel, realistic, tunables } = this.#hal;
    while (now >= this.#lightAt) {
      const [state, ...others] = this.#lights;
      this.#lights = others;
      if (state !== undefined) panel.show(state);
      if (others.length === 0) {
        this.#lightAt = NEVER;
        this.#sequencer.start(now);
      } else if (realistic) this.#lightAt = now + tunables['boot.ledStep'] * SECOND;
    }
  }

  /** The load has proved itself, and other phones may have it where the configuration says so. */
  #sharePeers(now: Instant): void {
    const shares = sharesFirmware(this.#phone);
    if (!shares) this.#peers?.close(now);
    this.#peers = shares ? (this.#peers ?? PeerServer.open(this.#phone)) : null;
  }

  #tellIdle(now: Instant): void {
    const { screen, hal } = this.#phone;
    if (!screen.idle) return;
    this.#untold = false;
    const { text, softKeys } = screen.shown;
    hal.trace.event('startup.complete', { elapsed: (now - hal.power.onSince) / SECOND, text, softKeys });
  }

  #pollAt(): Instant {
    const { names, files } = this.#phone;
    const peers = this.#peers?.pollAt() ?? NEVER;
    const below = earlier(earlier(this.#stack.pollAt(), this.#sequencer.pollAt()), peers);
    return earlier(earlier(below, this.#stages.tvs.pollAt()), earlier(names.pollAt(), files.pollAt()));
  }
}
