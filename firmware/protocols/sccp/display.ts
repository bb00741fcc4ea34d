/** What the server puts on the screen and the lamps, kept so that the phone can show it. */
import type { LedState } from '../../../hal/panel.ts';
import { type Instant, NEVER, SECOND } from '../../../hal/timer.ts';
import { BUTTON, LAMP, RING, SWITCH } from '../../wire/sccp/codes.ts';
import { shown } from '../../wire/sccp/labels.ts';
import type { Message } from '../../wire/sccp/message.ts';
import type { SoftKey, SoftKeyTemplate } from './soft-keys.ts';

/** A lamp that is not off. */
interface Lamp {
  readonly stimulus: number;
  readonly instance: number;
  readonly mode: number;
}

export interface SccpDisplay {
  /** The status line. */
  readonly prompt: string;
  /** Shown over the prompt while not empty. */
  readonly notify: string;
  /** Free text of old servers. */
  readonly text: string;
  readonly softKeys: readonly SoftKey[];
  /** The lamp in the handset. */
  readonly messageWaiting: boolean;
  readonly speaker: boolean;
  readonly ringing: boolean;
  readonly lamps: readonly Lamp[];
  readonly lineLamps: readonly LedState[] | undefined;
}

/** Lamps kept; a phone with three expansion modules has fewer. */
const MAX_LAMPS = 128;

/** Lowest priority is shown first away; plain DisplayNotify ranks below all of DisplayPriNotify. */
const PLAIN_NOTIFY = 0;

/** By lamp mode. */
const LED_OF_LAMP: readonly (LedState | undefined)[] = [undefined, 'off', 'on', 'wink', 'flash', 'blink'];

const NO_KEYS: readonly SoftKey[] = Object.freeze([]);
const NO_LAMPS: readonly Lamp[] = Object.freeze([]);

export class Screen {
  #prompt = '';
  #promptUntil: Instant = NEVER;
  #notify = '';
  #notifyUntil: Instant = NEVER;
  #notifyPriority = PLAIN_NOTIFY;
  #text = '';
  /** Digits that the user types before the handset is lifted; they stand where the prompt is. */
  typed = '';
  #softKeys = NO_KEYS;
  #speaker = false;
  #ringing = false;
  #lamps = NO_LAMPS;

  /** The earliest instant at which something on the screen times out. */
  expiresAt(): Instant {
    return Math.min(this.#promptUntil, this.#notifyUntil);
  }

  /** Takes away what has timed out. True when something did. */
  expire(now: Instant): boolean {
    if (now < this.expiresAt()) return false;
    if (now >= this.#promptUntil) this.#setPrompt('', NEVER);
    if (now >= this.#notifyUntil) this.#setNotify('', NEVER, PLAIN_NOTIFY);
    return true;
  }

  /** True when the message was for the screen. */
  take(now: Instant, m: Message, template: SoftKeyTemplate | null): boolean {
    switch (m.type) {
      case 'DisplayPromptStatus':
      case 'DisplayPromptStatusDynamic':
        this.#setPrompt(shown(m.text), until(now, m.timeout));
        return true;
      case 'ClearPromptStatus':
        this.#setPrompt('', NEVER);
        return true;
      case 'DisplayNotify':
      case 'DisplayNotifyDynamic':
        if (this.#notifyPriority === PLAIN_NOTIFY) this.#setNotify(shown(m.text), until(now, m.timeout), PLAIN_NOTIFY);
        return true;
      case 'DisplayPriNotify':
      case 'DisplayPriNotifyDynamic':
        if (m.priority >= this.#notifyPriority) this.#setNotify(shown(m.text), until(now, m.timeout), m.priority);
        return true;
      case 'ClearNotify':
        if (this.#notifyPriority === PLAIN_NOTIFY) this.#setNotify('', NEVER, PLAIN_NOTIFY);
        return true;
      case 'ClearPriNotify':
        if (m.priority >= this.#notifyPriority) this.#setNotify('', NEVER, PLAIN_NOTIFY);
        return true;
      case 'DisplayText':
        this.#text = shown(m.text);
        return true;
      case 'ClearDisplay':
        this.#text = '';
        return true;
      case 'SelectSoftKeys':
        this.#softKeys = template?.visible(m.softKeySetIndex, m.validKeyMask) ?? NO_KEYS;
        return true;
      case 'SetSpeakerMode':
        this.#speaker = m.mode === SWITCH.on;
        return true;
      case 'SetRinger':
        this.#ringing = m.mode !== RING.off;
        return true;
      case 'SetLamp':
        this.#setLamp(m.stimulus, m.instance, m.mode);
        return true;
      default:
        return false;
    }
  }

  get softKeys(): readonly SoftKey[] {
    return this.#softKeys;
  }

  shows(): SccpDisplay {
    return {
      prompt: this.typed || this.#prompt,
      notify: this.#notify,
      text: this.#text,
      softKeys: this.#softKeys,
      messageWaiting: this.#lamps.some((lamp) => lamp.stimulus === BUTTON.voiceMail && lamp.instance === 0),
      speaker: this.#speaker,
      ringing: this.#ringing,
      lamps: this.#lamps,
      lineLamps: this.#lineLamps(),
    };
  }

  #lineLamps(): readonly LedState[] | undefined {
    const lines = this.#lamps.filter((lamp) => lamp.stimulus === BUTTON.line && lamp.instance <= MAX_LAMPS);
    if (lines.length === 0) return undefined;
    const states: LedState[] = [];
    for (const { instance, mode } of lines) {
      while (states.length < instance) states.push('off');
      if (instance > 0) states[instance - 1] = LED_OF_LAMP[mode] ?? 'off';
    }
    return states;
  }

  #setPrompt(text: string, gone: Instant): void {
    this.#prompt = text;
    this.#promptUntil = gone;
  }

  #setNotify(text: string, gone: Instant, priority: number): void {
    this.#notify = text;
    this.#notifyUntil = gone;
    this.#notifyPriority = priority;
  }

  #setLamp(stimulus: number, instance: number, mode: number): void {
    const others = this.#lamps.filter((lamp) => lamp.stimulus !== stimulus || lamp.instance !== instance);
    if (mode !== LAMP.off && others.length < MAX_LAMPS) others.push({ stimulus, instance, mode });
    this.#lamps = others.length === 0 ? NO_LAMPS : others;
  }
}

/** A timeout of 0 is for good. */
function until(now: Instant, seconds: number): Instant {
  return seconds === 0 ? NEVER : now + seconds * SECOND;
}
