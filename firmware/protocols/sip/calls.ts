/**
 * The calls of a phone over SIP: which request belongs to which, what the keys do to them, and transfer. A phone has this only from its first call on.
 */
import type { Key } from '../../../hal/panel.ts';
import type { Rng } from '../../../hal/rng.ts';
import { earlier, type Instant, NEVER, SECOND } from '../../../hal/timer.ts';
import { parseTyped } from '../../wire/sip/grammar.ts';
import { headerValue, type Request, type Response } from '../../wire/sip/message.ts';
import { parseUri } from '../../wire/sip/uri.ts';
import { latin1 } from '../../wire/text.ts';
import type { CallMedia, CallView } from '../calls.ts';
import { EmergencyNumbers } from '../emergency-numbers.ts';
import { responseTo } from './answer.ts';
import { Call } from './call.ts';
import type { Faced, SoftKeyLabel } from './call-keys.ts';
import { softKeysOf } from './call-keys.ts';
import type { CallOwner } from './call-owner.ts';
import type { CallRequests } from './call-requests.ts';
import { isWithin, tagOf } from './dialog.ts';
import { DigestClient } from './digest-client.ts';
import { sessionOf } from './parties.ts';
import { PassedOn, replacedBy, replacesOf } from './passed-on.ts';
import type { SipClientOptions } from './requests.ts';
import type { Direction } from './session.ts';
import { type SipLine, type SipTimers, timersOf } from './settings.ts';
import { inviteKeyOf } from './transactions.ts';

/** Calls at once, of all lines; CUCM's own limit for a line is 200, what a phone shows is less. */
const MAX_CALLS = 16;
/** Digits of a number. */
const MAX_DIGITS = 32;

/** How calls reach the wire and the owner of the phone. */
export interface CallWire {
  request(now: Instant, call: Call, m: Request): void;
  cancel(now: Instant, call: Call, invite: Request): boolean;
  respond(now: Instant, to: Request, m: Response): void;
  write(octets: Uint8Array): void;
  view(view: CallView): void;
  refused(number: string, line: number): void;
  /** What the face shows is another now. */
  display(): void;
}

export class SipCalls implements CallOwner {
  readonly requests: CallRequests;
  readonly media: CallMedia;
  readonly timers: SipTimers;
  readonly holdDirection: Direction;
  readonly #options: SipClientOptions;
  readonly #rng: Rng;
  readonly #wire: CallWire;
  #calls: Call[] = [];
  #lastId = 0;
  /** What the user has before him. */
  #focus: Call | null = null;
  /** A number is dialled when nothing more is typed. */
  #dialAt: Instant = NEVER;
  #redial = '';
  /** A transfer that has begun: who is to be handed on, and to whom. */
  #transfer: { readonly of: Call; readonly to: Call } | null = null;
  readonly #emergency: EmergencyNumbers;
  /** Calls that the other side asked for by REFER. */
  #passedOn: PassedOn[] = [];

  constructor(options: SipClientOptions, media: CallMedia, requests: CallRequests, wire: CallWire) {
    this.#options = options;
    this.#rng = options.rng;
    this.#wire = wire;
    this.#emergency = new EmergencyNumbers(options.tunables['call.outsidePrefix']);
    this.requests = requests;
    this.media = media;
    this.timers = timersOf(options.settings);
    this.holdDirection = options.tunables['sip.holdDirection'] as Direction;
  }

  /** For the face. */
  get faced(): Faced {
    const call = this.#focus;
    if (call === null) return { view: null, digits: '', consulting: false, ringing: false };
    const consulting = this.#transfer?.to === call;
    return { view: call.view, digits: call.other, consulting, ringing: this.#ringing() !== null };
  }

  get count(): number {
    return this.#calls.length;
  }

  chance(below: number): number {
    return this.#rng.below(below);
  }

  request(now: Instant, call: Call, m: Request): void {
    this.#wire.request(now, call, m);
  }

  cancel(now: Instant, call: Call, invite: Request): boolean {
    return this.#wire.cancel(now, call, invite);
  }

  respond(now: Instant, to: Request, m: Response): void {
    this.#wire.respond(now, to, m);
  }

  write(octets: Uint8Array): void {
    this.#wire.write(octets);
  }

  refuses(call: Call, number: string): boolean {
    const refused = this.#emergency.has(number);
    if (refused) this.#wire.refused(number, call.identity.line.instance);
    return refused;
  }

  changed(now: Instant, call: Call): void {
    const over = call.state === 'ended';
    // A call that is being taken back is over for the user; another one may begin meanwhile.
    if (over || call.state === 'cancelling') this.#forget(now, call);
    if (over) this.#calls = this.#calls.filter((one) => one !== call);
    for (const passed of this.#passedOn) passed.report(now, call, this);
    this.#passedOn = this.#passedOn.filter(({ done }) => !done);
    this.#wire.view(call.view);
    this.#wire.display();
  }

  /** The user has done with it. */
  #forget(now: Instant, call: Call): void {
    const transfer = this.#transfer;
    if (transfer !== null && (transfer.of === call || transfer.to === call)) {
      this.#transfer = null;
      // Handed on: the call that was asked for is the other side's now.
      if (transfer.of === call && transfer.to.state === 'connected') transfer.to.end(now);
    }
    if (this.#focus !== call) return;
    this.#dialAt = NEVER;
    this.#focus = this.#calls.findLast((one) => one !== call && one.state !== 'cancelling') ?? null;
  }

  #ringing(): Call | null {
    return this.#calls.find(({ state }) => state === 'ringing') ?? null;
  }

  /** A request that begins a call or belongs to one. False when it is none of these. */
  asked(now: Instant, m: Request): boolean {
    if (m.method === 'ACK') {
      this.#calls.find((call) => call.dialog !== null && isWithin(call.dialog, m))?.acknowledged(now, m);
      return true;
    }
    if (m.method === 'CANCEL') {
      this.#cancelled(now, m);
      return true;
    }
    if (tagOf(headerValue(m, 'To') ?? '') === null) {
      if (m.method !== 'INVITE') return false;
      this.#invited(now, m);
      return true;
    }
    const call = this.#calls.find(({ dialog }) => dialog !== null && isWithin(dialog, m));
    if (call === undefined) return false;
    if (m.method === 'REFER') this.#referred(now, call, m);
    else {
      call.asked(now, m);
      if (m.method === 'NOTIFY') this.#notified(now, call, m);
    }
    return true;
  }

  #cancelled(now: Instant, m: Request): void {
    const key = inviteKeyOf(m);
    const call = this.#calls.find(({ ringingInvite }) => ringingInvite !== null && inviteKeyOf(ringingInvite) === key);
    const [status, reason] = call === undefined ? [481, 'Call/Transaction Does Not Exist'] : [200, 'OK'];
    this.respond(now, m, responseTo(m, { status, reason }, this.requests.newTag()));
    call?.cancelled(now);
  }

  #invited(now: Instant, m: Request): void {
    const tag = this.requests.newTag();
    const replaces = headerValue(m, 'Replaces');
    const replaced =
      replaces === null ? null : (this.#calls.find(({ dialog }) => replacedBy(replaces, dialog)) ?? null);
    const refusal = this.#refusal(replaces !== null && replaced === null, replaced);
    if (refusal !== null) {
      this.respond(now, m, responseTo(m, refusal, tag));
      return;
    }
    this.respond(now, m, responseTo(m, { status: 100, reason: 'Trying' }, ''));
    const identity = this.requests.newIdentity(this.#lineOf(m), new DigestClient(this.#options.hash), sessionOf(m));
    const call = this.#add(new Call(this, ++this.#lastId, identity, { invite: m, tag }));
    if (replaced !== null) {
      call.answer(now);
      this.#focus = call;
      replaced.end(now);
      return;
    }
    this.#focus ??= call;
    this.respond(now, m, this.requests.response(identity, m, tag, 180, 'Ringing'));
    this.changed(now, call);
  }

  #refusal(noSuchCall: boolean, replaced: Call | null): { readonly status: number; readonly reason: string } | null {
    if (noSuchCall) return { status: 481, reason: 'Call/Transaction Does Not Exist' };
    const busy = this.#calls.length >= Math.min(this.#options.tunables['sip.busyTrigger'], MAX_CALLS);
    return busy && replaced === null ? { status: 486, reason: 'Busy Here' } : null;
  }

  #add(call: Call): Call {
    this.#calls.push(call);
    return call;
  }

  /** The line that is meant: CUCM addresses it by its Contact, others by its number. */
  #lineOf(m: Request): SipLine {
    const uri = parseUri(m.uri);
    const user = uri !== null && 'user' in uri ? uri.user : null;
    const { lines } = this.#options.settings;
    return lines.find(({ contact, name }) => user !== null && (contact === user || name === user)) ?? this.#line(1);
  }

  #line(instance: number): SipLine {
    const { lines } = this.#options.settings;
    return lines.find((line) => line.instance === instance) ?? this.requests.fallbackLine;
  }

  /** How our REFER goes (RFC 3515 section 2.4.5). */
  #notified(now: Instant, call: Call, m: Request): void {
    if (parseTyped(headerValue(m, 'Event') ?? '')?.value !== 'refer') return;
    const status = /^SIP\/2\.0 (\d{3})/.exec(latin1(m.body))?.[1];
    if (status !== undefined) call.referred(now, Number(status));
  }

  /** The other side wants this phone to call somebody else (RFC 3515). */
  #referred(now: Instant, call: Call, m: Request): void {
    const target = replacesOf(headerValue(m, 'Refer-To') ?? '');
    if (target === null) {
      this.respond(now, m, responseTo(m, { status: 400, reason: 'Bad Request - Refer-To' }, ''));
      return;
    }
    if (this.refuses(call, target.number)) {
      this.respond(now, m, responseTo(m, { status: 403, reason: 'Forbidden' }, ''));
      return;
    }
    call.asked(now, m);
    const passed = new PassedOn(call, this.#newCall(call.identity.line));
    this.#passedOn.push(passed);
    passed.begin(now, this, target, headerValue(m, 'Referred-By'));
    this.#focus = passed.to;
  }

  #newCall(line: SipLine): Call {
    const identity = this.requests.newIdentity(line, new DigestClient(this.#options.hash), '');
    return this.#add(new Call(this, ++this.#lastId, identity, null));
  }

  acceptedAgain(m: Response): void {
    const callId = headerValue(m, 'Call-ID');
    this.#calls.find(({ dialog }) => dialog?.callId === callId)?.acceptedAgain(m);
  }

  expire(now: Instant): void {
    if (now >= this.#dialAt) this.#dial(now);
    for (const call of [...this.#calls]) call.expire(now);
  }

  pollAt(): Instant {
    let at = this.#dialAt;
    for (const call of this.#calls) at = earlier(at, call.pollAt());
    return at;
  }

  /** The registration is over: nothing can be said any more. @param isLost leaves the connected calls, and their audio, to the owner */
  clear(now: Instant, isLost: boolean): void {
    const calls = this.#calls.filter(({ view }) => !isLost || view.state !== 'connected');
    for (const call of calls) this.media.close(now, call.id);
    this.#calls = [];
    this.#focus = null;
    this.#transfer = null;
    this.#dialAt = NEVER;
    for (const { view } of calls) this.#wire.view({ ...view, state: 'ended' });
  }

  key(now: Instant, key: Key): void {
    const soft = /^softKey([1-5])$/.exec(key);
    const line = /^line([1-8])$/.exec(key);
    if (soft !== null) {
      const label = softKeysOf(this.faced)[Number(soft[1]) - 1];
      if (label !== undefined) this.#soft(now, label);
    } else if (line !== null) this.#lineKey(now, Number(line[1]));
    else if (/^[0-9*#]$/.test(key)) this.#digit(now, key);
    else if (key === 'hookOff') this.#offHook(now, 1);
    else if (key === 'hookOn') this.#onHook(now);
    else if (key === 'speaker' || key === 'headset') this.#speaker(now);
  }

  #speaker(now: Instant): void {
    if (this.#focus === null || this.#ringing() !== null) this.#offHook(now, 1);
    else this.#onHook(now);
  }

  #offHook(now: Instant, line: number): void {
    const ringing = this.#ringing();
    if (ringing !== null) this.#answer(now, ringing);
    else if (this.#focus === null || this.#focus.held) this.#begin(now, line);
  }

  #onHook(now: Instant): void {
    const call = this.#focus;
    if (call !== null && !call.held && call.state !== 'ringing') call.end(now);
  }

  #lineKey(now: Instant, instance: number): void {
    const its = this.#calls.filter(({ identity }) => identity.line.instance === instance);
    const ringing = its.find(({ state }) => state === 'ringing');
    const held = its.find((call) => call.held);
    if (ringing !== undefined) this.#answer(now, ringing);
    else if (held !== undefined) this.#resume(now, held);
    else if (this.#options.settings.lines.some((line) => line.instance === instance)) this.#begin(now, instance);
  }

  /** Another call may be on: it is held first, since a phone talks to one at a time. */
  #putAside(now: Instant): void {
    for (const call of this.#calls) if (call.state === 'connected') call.setHold(now, true);
  }

  #answer(now: Instant, call: Call): void {
    this.#putAside(now);
    this.#focus = call;
    call.answer(now);
  }

  #resume(now: Instant, call: Call): void {
    this.#putAside(now);
    this.#focus = call;
    call.setHold(now, false);
  }

  #begin(now: Instant, line: number): Call | null {
    if (this.#calls.length >= MAX_CALLS) return null;
    this.#putAside(now);
    const call = this.#newCall(this.#line(line));
    this.#focus = call;
    this.changed(now, call);
    return call;
  }

  #digit(now: Instant, digit: string): void {
    if (this.#focus === null) this.#begin(now, 1);
    const call = this.#focus;
    if (call === null || call.state !== 'dialing') return;
    if (digit === '#' && call.other !== '') {
      this.#dial(now);
      return;
    }
    if (call.other.length < MAX_DIGITS) call.other += digit;
    this.#dialAt = now + this.#options.tunables['sip.interDigitTimeout'] * SECOND;
    this.changed(now, call);
  }

  #dial(now: Instant): void {
    this.#dialAt = NEVER;
    const call = this.#focus;
    if (call === null || call.state !== 'dialing' || call.other === '') return;
    this.#redial = call.other;
    call.dial(now, call.other, this.requests.uriOf(call.other));
  }

  #soft(now: Instant, label: SoftKeyLabel): void {
    const call = this.#focus;
    switch (label) {
      case 'NewCall':
        if (call?.state === 'failed') call.end(now);
        this.#begin(now, 1);
        return;
      case 'Redial':
        this.#redialKey(now);
        return;
      case 'Dial':
        this.#dial(now);
        return;
      case '<<':
        if (call === null) return;
        call.other = call.other.slice(0, -1);
        this.changed(now, call);
        return;
      case 'Answer':
        if (call !== null) this.#answer(now, this.#ringing() ?? call);
        return;
      case 'Decline':
      case 'EndCall':
      case 'Cancel':
        call?.end(now);
        return;
      case 'Hold':
        call?.setHold(now, true);
        return;
      case 'Resume':
        if (call !== null) this.#resume(now, call);
        return;
      case 'Trnsfer':
        this.#transferKey(now);
        return;
    }
  }

  #redialKey(now: Instant): void {
    if (this.#redial === '') return;
    if (this.#focus === null) this.#begin(now, 1);
    const call = this.#focus;
    if (call === null || call.state !== 'dialing') return;
    call.other = this.#redial;
    this.#dial(now);
  }

  /** First the call that is to be handed on, then, with the other number called, the rest. */
  #transferKey(now: Instant): void {
    const call = this.#focus;
    if (call === null) return;
    const transfer = this.#transfer;
    if (transfer === null || transfer.to !== call) {
      if (call.state !== 'connected') return;
      call.setHold(now, true);
      const to = this.#begin(now, call.identity.line.instance);
      if (to === null) return;
      this.#transfer = { of: call, to };
      this.changed(now, to);
      return;
    }
    const { dialog } = call;
    if (dialog !== null) {
      const replaces = `${dialog.callId};to-tag=${dialog.remoteTag};from-tag=${dialog.localTag}`;
      transfer.of.refer(now, `<${dialog.target}?Replaces=${encodeURIComponent(replaces)}>`);
      this.#focus = transfer.of;
    } else {
      // To one who has not answered yet: the call to him is taken back, and the other side makes its own.
      const { of } = transfer;
      const number = call.other;
      if (this.#emergency.has(number)) {
        this.#dial(now);
        return;
      }
      call.end(now);
      of.refer(now, `<${this.requests.uriOf(number)}>`);
    }
  }
}
