/**
 * Calls over SCCP: the call manager leads, the phone says what its user does and keeps what it is told. It obeys in the order of arrival, takes steps twice or not
 * at all, and makes an entry for a call of which it hears for the first time; CallState(OnHook) is the end of a call.
 *
 *     keys   -> OffHook, OnHook, KeypadButton, EnblocCall, SoftKeyEvent, Stimulus
 *     server -> CallState, CallInfo, DialedNumber, tones: what became of the call
 *     server -> media messages: streams.ts; prompts, soft keys, lamps, ringer: display.ts
 */
import type { Key } from '../../../hal/panel.ts';
import type { Instant } from '../../../hal/timer.ts';
import { BUTTON, CALL_STATE, CALL_TYPE, KEYPAD, MEDIA_PATH, SWITCH, TONE } from '../../wire/sccp/codes.ts';
import type { Message, Outgoing } from '../../wire/sccp/message.ts';
import type { CallMedia, CallState, CallView } from '../calls.ts';
import type { SoftKey } from './soft-keys.ts';
import { Streams } from './streams.ts';

/** Calls that one phone can be told of; the oldest gives way. CUCM allows 200 on the largest. */
const MAX_CALLS = 200;
/** Digits typed before the handset is lifted, as many as EnblocCall holds. */
const MAX_PREDIALED = 24;
/** From here on phones say OnHook and OffHook without a line, and speak of the audio path. */
const NAMELESS_HOOK_SINCE = 15;
const MEDIA_PATH_SINCE = 17;

const STATES: Readonly<Record<number, CallState>> = {
  [CALL_STATE.idle]: 'ended',
  [CALL_STATE.offHook]: 'off-hook',
  [CALL_STATE.onHook]: 'ended',
  [CALL_STATE.ringOut]: 'ring-out',
  [CALL_STATE.ringIn]: 'ring-in',
  [CALL_STATE.connected]: 'connected',
  [CALL_STATE.busy]: 'busy',
  [CALL_STATE.congestion]: 'reorder',
  [CALL_STATE.hold]: 'hold',
  [CALL_STATE.callWaiting]: 'ring-in',
  [CALL_STATE.callTransfer]: 'transfer',
  [CALL_STATE.proceed]: 'proceeding',
  [CALL_STATE.invalidNumber]: 'reorder',
  [CALL_STATE.holdRevert]: 'hold',
  [CALL_STATE.whisper]: 'connected',
  [CALL_STATE.remoteHold]: 'remote-hold',
};

interface Call {
  readonly reference: number;
  line: number;
  state: CallState;
  direction: 'in' | 'out';
  from: string;
  to: string;
  changed: boolean;
}

export interface SccpCallsOwner {
  send(m: Outgoing): void;
  /** The keys on the screen, from left to right. */
  softKeys(): readonly SoftKey[];
  call(view: CallView): void;
  /** What was typed before the handset was lifted, for the prompt. */
  predialed(digits: string): void;
}

export class SccpCalls {
  readonly #owner: SccpCallsOwner;
  readonly #version: number;
  readonly #buttons: string;
  readonly #streams: Streams | null;
  readonly #calls = new Map<number, Call>();
  /** Line and call that the soft keys are about. */
  #selectedLine = 0;
  #selectedCall = 0;
  #activeLine = 0;
  #path: 'handset' | 'speaker' | 'headset' | null = null;
  #digits = '';

  /** @param version the negotiated one. @param buttons types and instances in turn, as character codes. @param media null for a phone that has none. */
  constructor(owner: SccpCallsOwner, version: number, buttons: string, media: CallMedia | null) {
    this.#owner = owner;
    this.#version = version;
    this.#buttons = buttons;
    this.#streams = media === null ? null : new Streams(media, (m) => owner.send(m));
  }

  /** True when the message was about calls. */
  take(now: Instant, m: Message): boolean {
    switch (m.type) {
      case 'CallState':
        this.#callState(now, m.callReference, m.lineInstance, m.state);
        return true;
      case 'CallInfo':
      case 'CallInfoDynamic':
        this.#callInfo(m);
        return true;
      case 'DialedNumber':
        this.#change(m.callReference, m.lineInstance, (call) => {
          call.to = m.number;
        });
        return true;
      case 'StartTone':
        this.#tone(m.tone, m.callReference, m.lineInstance);
        return true;
      case 'ActivateCallPlane':
        this.#activeLine = m.lineInstance;
        return true;
      case 'DeactivateCallPlane':
        this.#activeLine = 0;
        return true;
      case 'SelectSoftKeys':
        this.#selectedLine = m.lineInstance;
        this.#selectedCall = m.callReference;
        return false;
      case 'SetSpeakerMode':
        this.#speaker(m.mode === SWITCH.on);
        return false;
      case 'StopTone':
      case 'SetMicroMode':
      case 'BackSpaceRes':
      case 'CallSelectStat':
      case 'CallHistoryDisposition':
        return true;
      default:
        return this.#streams?.take(now, m, this.#version, this.#current()?.reference ?? 0) ?? false;
    }
  }

  /** True when the key meant something. */
  press(key: Key): boolean {
    if (key.startsWith('softKey')) return this.#softKey(Number(key.slice('softKey'.length)));
    if (key.startsWith('line')) return this.#lineKey(Number(key.slice('line'.length)));
    switch (key) {
      case 'hookOff':
        this.#offHook('handset');
        return true;
      case 'hookOn':
        if (this.#path !== null) this.#onHook();
        return true;
      case 'speaker':
      case 'headset':
        if (this.#path === key) this.#onHook();
        else this.#offHook(key);
        return true;
      default: {
        const button = KEYPAD.indexOf(key);
        if (button < 0) return false;
        this.#digit(key, button);
        return true;
      }
    }
  }

  /** The registration is over, and its calls with it. @param isLost leaves the connected ones, and their audio, to the owner */
  end(now: Instant, isLost: boolean): void {
    const kept = isLost && [...this.#calls.values()].some(({ state }) => state === 'connected');
    if (!kept) this.#streams?.endAll(now);
    for (const call of this.#calls.values()) {
      if (kept && call.state === 'connected') continue;
      this.#streams?.end(now, call.reference);
      call.state = 'ended';
      this.#tell(call);
    }
    this.#calls.clear();
  }

  #callState(now: Instant, reference: number, line: number, state: number): void {
    const known = STATES[state];
    // In use on another phone of a shared line: not a call of this one.
    if (known === undefined) return;
    if (known === 'ended' && !this.#calls.has(reference)) return;
    this.#change(reference, line, (call) => {
      call.state = known;
      if (known === 'ring-in') call.direction = 'in';
    });
    if (known !== 'ended') return;
    this.#streams?.end(now, reference);
    this.#calls.delete(reference);
  }

  #callInfo(m: Extract<Message, { type: 'CallInfo' | 'CallInfoDynamic' }>): void {
    this.#change(m.callReference, m.lineInstance, (call) => {
      if (m.callType === CALL_TYPE.inbound) call.direction = 'in';
      if (m.callType === CALL_TYPE.outbound) call.direction = 'out';
      if (m.callingParty !== '') call.from = m.callingParty;
      if (m.calledParty !== '') call.to = m.calledParty;
    });
  }

  /** A server may play reorder or busy tone without a word about the state of the call. */
  #tone(tone: number, reference: number, line: number): void {
    const state = tone === TONE.reorder ? 'reorder' : tone === TONE.lineBusy ? 'busy' : null;
    const call = this.#calls.get(reference) ?? this.#current();
    if (state === null || call === undefined || call.state === 'connected') return;
    this.#change(call.reference, line, (each) => {
      each.state = state;
    });
  }

  /** Makes the entry if there is none, changes it, and tells what is new about it. */
  #change(reference: number, line: number, change: (call: Call) => void): void {
    let call = this.#calls.get(reference);
    if (call === undefined) {
      if (this.#calls.size >= MAX_CALLS) this.#calls.delete(this.#calls.keys().next().value!);
      call = { reference, line, state: 'proceeding', direction: 'out', from: '', to: '', changed: true };
      this.#calls.set(reference, call);
    }
    const { state, direction, from, to } = call;
    change(call);
    if (line !== 0) call.line = line;
    const isSame = call.state === state && call.direction === direction && call.from === from && call.to === to;
    if (!isSame || call.changed) this.#tell(call);
    call.changed = false;
  }

  #tell({ reference, line, state, direction, from, to }: Call): void {
    this.#owner.call({ call: reference, line, state, direction, from, to });
  }

  /** The call whose soft keys are shown, else the one that is connected or being made. */
  #current(): Call | undefined {
    const selected = this.#calls.get(this.#selectedCall);
    if (selected !== undefined) return selected;
    let found: Call | undefined;
    for (const call of this.#calls.values()) {
      if (call.state === 'connected') return call;
      if (call.state !== 'hold' && call.state !== 'ring-in') found = call;
    }
    return found;
  }

  #ringing(): Call | undefined {
    for (const call of this.#calls.values()) if (call.state === 'ring-in') return call;
    return undefined;
  }

  #offHook(path: 'handset' | 'speaker' | 'headset'): void {
    const wasOnHook = this.#path === null;
    this.#path = path;
    if (path !== 'handset' && this.#version >= MEDIA_PATH_SINCE) {
      this.#owner.send({ type: 'MediaPathEvent', mediaPathId: MEDIA_PATH[path], event: SWITCH.on });
    }
    if (!wasOnHook) return;
    if (this.#digits !== '') {
      this.#enbloc();
      return;
    }
    const line = this.#ringing()?.line ?? (this.#activeLine || 1);
    const named = this.#version < NAMELESS_HOOK_SINCE;
    this.#owner.send({ type: 'OffHook', lineInstance: named ? this.#buttonOf(line) : 0 });
  }

  #onHook(): void {
    this.#path = null;
    this.#predial('');
    const call = this.#version < NAMELESS_HOOK_SINCE ? this.#current() : undefined;
    this.#owner.send({ type: 'OnHook', lineInstance: call?.line ?? 0, callReference: call?.reference ?? 0 });
  }

  /** The server switches the loudspeaker: on when it answers or dials for the user, off when a call is over. */
  #speaker(on: boolean): void {
    if (on) this.#path ??= 'speaker';
    else if (this.#path === 'speaker') this.#path = null;
  }

  #digit(key: Key, button: number): void {
    const call = this.#current();
    if (this.#path === null && call === undefined) {
      if (this.#digits.length < MAX_PREDIALED) this.#predial(this.#digits + key);
      return;
    }
    this.#owner.send({
      type: 'KeypadButton',
      button,
      lineInstance: call?.line ?? (this.#activeLine || 1),
      callReference: call?.reference ?? 0,
    });
  }

  #predial(digits: string): void {
    if (digits === this.#digits) return;
    this.#digits = digits;
    this.#owner.predialed(digits);
  }

  #enbloc(): void {
    const calledParty = this.#digits;
    this.#predial('');
    this.#owner.send({ type: 'EnblocCall', calledParty, lineInstance: this.#activeLine || 1 });
  }

  #softKey(place: number): boolean {
    const softKey = this.#owner.softKeys()[place - 1];
    if (softKey === undefined) return false;
    this.#owner.send({
      type: 'SoftKeyEvent',
      event: softKey.event,
      lineInstance: this.#selectedLine,
      callReference: this.#selectedCall,
    });
    return true;
  }

  /** Buttons beside the screen, as the template has them: lines, speed dials, features. */
  #lineKey(place: number): boolean {
    const stimulus = this.#buttons.charCodeAt(2 * place - 2);
    const instance = this.#buttons.charCodeAt(2 * place - 1);
    if (Number.isNaN(stimulus) || stimulus === BUTTON.unused || stimulus === BUTTON.undefined) return false;
    if (stimulus === BUTTON.line && this.#digits !== '') {
      this.#activeLine = instance;
      this.#path = 'speaker';
      this.#enbloc();
      return true;
    }
    this.#owner.send({ type: 'Stimulus', stimulus, instance });
    return true;
  }

  /** Place of the line's button, counted from 1; the line itself where the template does not have it. */
  #buttonOf(line: number): number {
    for (let k = 0; k < this.#buttons.length; k += 2) {
      if (this.#buttons.charCodeAt(k) === BUTTON.line && this.#buttons.charCodeAt(k + 1) === line) return k / 2 + 1;
    }
    return line;
  }
}
