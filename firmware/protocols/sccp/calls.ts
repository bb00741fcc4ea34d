/**
 * Calls over SCCP: the call manager leads, the phone says what its user does and keeps what it is told. It obeys in the order of arrival, takes steps twice or not
 * at all, and makes an entry for a call of which it hears for the first time; CallState(OnHook) is the end of a call.
 *
 *     keys   -> OffHook, OnHook, KeypadButton, EnblocCall, SoftKeyEvent, Stimulus
 *     server -> CallState, CallInfo, DialedNumber, tones: what became of the call
 *     server -> media messages: streams.ts; prompts, soft keys, lamps, ringer: display.ts
 */
import type { Key } from '../../../hal/panel.ts';
import { type Duration, type Instant, NEVER, SECOND } from '../../../hal/timer.ts';
import type { TunableValues } from '../../../hal/tunables.ts';
import { BUTTON, CALL_STATE, CALL_TYPE, KEYPAD, MEDIA_PATH, SOFT_KEY, SWITCH, TONE } from '../../wire/sccp/codes.ts';
import type { Message, Outgoing } from '../../wire/sccp/message.ts';
import type { CallMedia, CallState, CallView } from '../calls.ts';
import { EmergencyNumbers } from '../emergency-numbers.ts';
import { barredBy } from './barred-buttons.ts';
import { DialledDigits, type DigitsOut } from './dialled-digits.ts';
import type { SccpFeature } from './dialogue.ts';
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

/** In these the keypad dials; in a conversation it makes tones. */
const DIALLED_IN: ReadonlySet<CallState> = new Set<CallState>([
  'off-hook',
  'proceeding',
  'transfer',
  'reorder',
  'busy',
]);

interface Call {
  readonly reference: number;
  line: number;
  state: CallState;
  direction: 'in' | 'out';
  from: string;
  to: string;
  changed: boolean;
  /** The call manager has told its state: it is this phone's, not one on another phone of the line. */
  own: boolean;
}

export interface SccpCallsOwner {
  send(m: Outgoing): void;
  /** The keys on the screen, from left to right. */
  softKeys(): readonly SoftKey[];
  call(view: CallView): void;
  /** What was typed before the handset was lifted, for the prompt. */
  predialed(digits: string): void;
  /** An emergency number was to be dialled, and is not. */
  refused(number: string, line: number): void;
}

/** What the dialogue of the registration came to. */
interface SccpCallsDialogue {
  /** The negotiated one. */
  readonly version: number;
  /** Types and instances in turn, as character codes. */
  readonly buttons: string;
  /** Buttons that would dial an emergency number. */
  readonly barred: readonly SccpFeature[];
}

export class SccpCalls {
  readonly #owner: SccpCallsOwner;
  readonly #emergency: EmergencyNumbers;
  readonly #barred: readonly SccpFeature[];
  /** How long digits that may become an emergency number are held when nothing follows. */
  readonly #heldWait: Duration;
  readonly #version: number;
  readonly #buttons: string;
  readonly #streams: Streams | null;
  readonly #dialled: DialledDigits;
  #heldUntil: Instant = NEVER;
  #shownHeld = '';
  /** The call that the digits are of. */
  #dialledCall = 0;
  /** Of which call the call manager has said so. */
  readonly #begun = { state: 0, tone: 0 };
  readonly #calls = new Map<number, Call>();
  /** Line and call that the soft keys are about. */
  #selectedLine = 0;
  #selectedCall = 0;
  #activeLine = 0;
  #path: 'handset' | 'speaker' | 'headset' | null = null;
  #digits = '';

  /** @param media absent for a phone that has none */
  constructor(
    owner: SccpCallsOwner,
    { version, buttons, barred }: SccpCallsDialogue,
    { media, tunables }: { readonly media?: CallMedia; readonly tunables: TunableValues },
  ) {
    this.#owner = owner;
    this.#emergency = new EmergencyNumbers(tunables['call.outsidePrefix']);
    this.#barred = barred;
    this.#heldWait = tunables['sccp.heldDigitsWait'] * SECOND;
    this.#version = version;
    this.#buttons = buttons;
    this.#streams = media === undefined ? null : new Streams(media, (m) => owner.send(m));
    this.#dialled = new DialledDigits(this.#emergency);
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
        if (m.tone === TONE.insideDial) this.#collects(m.callReference, 'tone');
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

  pollAt(): Instant {
    return this.#heldUntil;
  }

  expire(now: Instant): void {
    if (now >= this.#heldUntil) this.#follow(now, this.#dialled.complete());
  }

  /** True when the key meant something. */
  press(now: Instant, key: Key): boolean {
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
        this.#digit(now, key, button);
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
    if (known === 'off-hook') this.#collects(reference, 'state');
    this.#change(reference, line, (call) => {
      call.own = true;
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
      call = { reference, line, state: 'proceeding', direction: 'out', from: '', to: '', changed: true, own: false };
      this.#calls.set(reference, call);
    }
    const { state, direction, from, to } = call;
    change(call);
    if (line !== 0) call.line = line;
    if (call.direction === 'out' && call.to !== to && call.own) this.#checkDialled(call);
    const isSame = call.state === state && call.direction === direction && call.from === from && call.to === to;
    if (!isSame || call.changed) this.#tell(call);
    call.changed = false;
  }

  /** What a call manager dials for the phone (its Redial, its speed dials) is known only now: it is taken back at once. */
  #checkDialled(call: Call): void {
    if (call.state === 'ended' || this.#path === null || !this.#emergency.has(call.to)) return;
    this.#owner.refused(call.to, call.line);
    call.state = 'reorder';
    this.#owner.send({ type: 'OnHook', lineInstance: call.line, callReference: call.reference });
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
    this.#forgetDialled();
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
    this.#forgetDialled();
    const call = this.#version < NAMELESS_HOOK_SINCE ? this.#current() : undefined;
    this.#owner.send({ type: 'OnHook', lineInstance: call?.line ?? 0, callReference: call?.reference ?? 0 });
  }

  /** The server switches the loudspeaker: on when it answers or dials for the user, off when a call is over. */
  #speaker(on: boolean): void {
    if (on) this.#path ??= 'speaker';
    else if (this.#path === 'speaker') this.#path = null;
  }

  #digit(now: Instant, key: Key, button: number): void {
    const call = this.#current();
    if (this.#path === null && call === undefined) {
      if (this.#digits.length < MAX_PREDIALED) this.#predial(this.#digits + key);
      return;
    }
    if (call !== undefined && !DIALLED_IN.has(call.state)) {
      this.#sendDigit(call, button);
      return;
    }
    const reference = call?.reference ?? 0;
    // A call manager that has not named the call yet names it now: the digits are the same call's.
    if (reference !== this.#dialledCall && this.#dialledCall !== 0) this.#forgetDialled();
    this.#dialledCall = reference;
    this.#follow(now, this.#dialled.type(key));
  }

  #follow(now: Instant, out: DigitsOut): void {
    const call = this.#current();
    const line = call?.line ?? (this.#activeLine || 1);
    this.#heldUntil = out.kind === 'hold' && this.#dialled.held !== '' ? now + this.#heldWait : NEVER;
    if (out.kind === 'keys') for (const digit of out.digits) this.#sendDigit(call, KEYPAD.indexOf(digit));
    else if (out.kind === 'enbloc')
      this.#owner.send({ type: 'EnblocCall', calledParty: out.digits, lineInstance: line });
    else if (out.kind === 'refuse') this.#refuse(out.digits, line);
    this.#showHeld();
  }

  #showHeld(): void {
    const { held } = this.#dialled;
    if (held === this.#shownHeld) return;
    this.#shownHeld = held;
    this.#owner.predialed(held);
  }

  #sendDigit(call: Call | undefined, button: number): void {
    this.#owner.send({
      type: 'KeypadButton',
      button,
      lineInstance: call?.line ?? (this.#activeLine || 1),
      callReference: call?.reference ?? 0,
    });
  }

  /** What the user gets is reorder tone; what was on its way to be a call stays where it was until he hangs up. */
  #refuse(number: string, line: number): void {
    this.#owner.refused(number, line);
    this.#forgetDialled();
    const call = this.#current();
    if (call !== undefined && DIALLED_IN.has(call.state)) {
      call.state = 'reorder';
      call.to = number;
      this.#tell(call);
      return;
    }
    const never = { call: 0, line, direction: 'out', from: '', to: number } as const;
    this.#owner.call({ ...never, state: 'reorder' });
    this.#owner.call({ ...never, state: 'ended' });
  }

  /** The call manager begins to collect digits, anew where it had begun before: what was typed before the first word of it counts. */
  #collects(reference: number, word: 'state' | 'tone'): void {
    const begun = this.#begun;
    const isAnother = this.#dialledCall !== 0 && this.#dialledCall !== reference;
    if (isAnother || begun[word] === reference) this.#dialled.restart();
    begun[word] = reference;
    this.#dialledCall = reference;
  }

  #forgetDialled(): void {
    this.#dialled.clear();
    this.#showHeld();
    this.#dialledCall = 0;
    this.#heldUntil = NEVER;
  }

  #predial(digits: string): void {
    if (digits === this.#digits) return;
    this.#digits = digits;
    this.#owner.predialed(digits);
  }

  #enbloc(): void {
    const calledParty = this.#digits;
    const lineInstance = this.#activeLine || 1;
    this.#predial('');
    if (this.#emergency.has(calledParty)) {
      // Nothing of it has been said: the call manager still takes the phone for one on hook.
      this.#path = null;
      this.#refuse(calledParty, lineInstance);
    } else this.#owner.send({ type: 'EnblocCall', calledParty, lineInstance });
  }

  #softKey(place: number): boolean {
    const softKey = this.#owner.softKeys()[place - 1];
    if (softKey === undefined) return false;
    if (softKey.event !== SOFT_KEY.backSpace) this.#forgetDialled();
    else if (this.#dialled.back()) {
      this.#showHeld();
      return true;
    }
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
    const barred = barredBy(this.#barred, stimulus, instance);
    if (barred !== undefined) {
      this.#refuse(barred.target || barred.label, this.#activeLine || 1);
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
