/**
 * The calls of the lab's SCCP call manager: it connects the telephones that are registered with it, by directory number.
 *
 *     off hook -> dialing -> ring-out | failed     ring-in -> connected <-> hold     any -> over
 *
 * A number is complete when somebody has it; one that is as long as the longest and nobody's gets reorder tone, and so does `#` after any other. A telephone
 * with two calls is busy. Transfer is the key pressed twice: once for a second call, again to connect the two others.
 */
import { BUTTON, KEYPAD, MEDIA_STATUS, SOFT_KEY } from '../../firmware/wire/sccp/codes.ts';
import type { Message, MessageOf, Outgoing } from '../../firmware/wire/sccp/message.ts';
import type { Device } from '../device-table.ts';
import type { Leg } from './leg.ts';
import * as leg from './leg.ts';

export interface SwitchboardOwner {
  /** Sends these in one piece; false when the device is not registered. */
  say(device: string, messages: readonly Outgoing[]): boolean;
  /** Protocol version of a registered device. */
  versionOf(device: string): number;
  tell(event: CallEvent): void;
}

export type CallEvent =
  | { readonly type: 'call'; readonly outcome: CallOutcome; readonly from: string; readonly to: string }
  /** What a telephone counted in a call. `jitter` and `latency` in milliseconds. */
  | {
      readonly type: 'call-statistics';
      readonly device: string;
      readonly packetsSent: number;
      readonly packetsReceived: number;
      readonly packetsLost: number;
      readonly jitter: number;
      readonly latency: number;
    };

type CallOutcome = 'ringing' | 'connected' | 'ended' | 'transferred' | 'busy' | 'unknown' | 'unavailable';

/** Calls of one telephone before the next caller hears busy. */
const BUSY_TRIGGER = 2;
const FIRST_REFERENCE = 0x0100_0001;

const POUND = '#';

export class Switchboard {
  readonly #owner: SwitchboardOwner;
  /** Who has a directory number: device and line instance. */
  readonly #numbers = new Map<string, { readonly device: string; readonly line: number }>();
  readonly #legs = new Map<string, Leg[]>();
  /** What each device dialled last. */
  readonly #dialled = new Map<string, string>();
  #longest = 0;
  #reference = FIRST_REFERENCE;

  constructor(owner: SwitchboardOwner) {
    this.#owner = owner;
  }

  /** The device has registered. */
  enter(device: Device): void {
    for (const [index, { directoryNumber }] of device.lines.entries()) {
      this.#numbers.set(directoryNumber, { device: device.name, line: index + 1 });
      this.#longest = Math.max(this.#longest, directoryNumber.length);
    }
  }

  /** The device is gone: its calls are over, its numbers out of reach. */
  leave(device: Device): void {
    for (const one of [...(this.#legs.get(device.name) ?? [])]) this.#end(one);
    this.#legs.delete(device.name);
    this.#dialled.delete(device.name);
    for (const { directoryNumber } of device.lines) {
      const held = this.#numbers.get(directoryNumber);
      if (held?.device === device.name) this.#numbers.set(directoryNumber, { device: '', line: 0 });
    }
  }

  /** True when the message was about calls. */
  take(device: Device, m: Message): boolean {
    switch (m.type) {
      case 'OffHook':
        this.#offHook(device, m.lineInstance);
        return true;
      case 'OnHook':
        this.#onHook(device, m.callReference);
        return true;
      case 'KeypadButton':
        this.#digit(device, m);
        return true;
      case 'EnblocCall':
        this.#dial(device, m.lineInstance, m.calledParty);
        return true;
      case 'SoftKeyEvent':
        this.#softKey(device, m);
        return true;
      case 'Stimulus':
        this.#stimulus(device, m);
        return true;
      case 'OpenReceiveChannelAck':
        this.#opened(device, m);
        return true;
      case 'ConnectionStatisticsRes': {
        const { packetsSent, packetsReceived, packetsLost, jitter, latency } = m;
        const figures = { packetsSent, packetsReceived, packetsLost, jitter, latency };
        this.#owner.tell({ type: 'call-statistics', device: device.name, ...figures });
        return true;
      }
      default:
        return false;
    }
  }

  #say(to: Leg, ...messages: readonly Outgoing[]): void {
    this.#owner.say(to.device, messages);
  }

  #legsOf(device: string): Leg[] {
    return this.#legs.get(device) ?? [];
  }

  /** The one named, else the one that has the user's ear. */
  #legOf(device: string, reference: number): Leg | undefined {
    const legs = this.#legsOf(device);
    return (
      legs.find((one) => one.reference === reference) ??
      legs.find((one) => one.state !== 'hold' && one.state !== 'ring-in') ??
      legs.at(-1)
    );
  }

  #newLeg(device: string, line: number, number: string, isCaller: boolean): Leg {
    const made: Leg = {
      device,
      line,
      number,
      reference: this.#reference++,
      version: this.#owner.versionOf(device),
      state: isCaller ? 'dialing' : 'ring-in',
      isCaller,
      digits: '',
      peer: null,
      media: 'none',
      listensAt: null,
      transferOf: null,
    };
    this.#legs.set(device, [...this.#legsOf(device), made]);
    return made;
  }

  #offHook(device: Device, line: number): void {
    const ringing = this.#legsOf(device.name).find(({ state }) => state === 'ring-in');
    if (ringing !== undefined) this.#answer(ringing);
    else if (this.#legsOf(device.name).every(({ state }) => state === 'hold')) this.#begin(device, line);
  }

  /** A new call of this telephone; the one it has is held. */
  #begin(device: Device, line: number): Leg | null {
    const instance = line === 0 ? 1 : line;
    const number = device.lines[instance - 1]?.directoryNumber;
    if (number === undefined) return null;
    for (const other of this.#legsOf(device.name)) if (other.state === 'connected') this.#hold(other);
    const made = this.#newLeg(device.name, instance, number, true);
    this.#say(made, ...leg.offHook(made));
    return made;
  }

  #dial(device: Device, line: number, number: string): void {
    // A telephone that is off hook already says the whole number in one piece too.
    const waiting = this.#legsOf(device.name).find(({ state, digits }) => state === 'dialing' && digits === '');
    const made = waiting ?? this.#begin(device, line);
    if (made === null) return;
    made.digits = number;
    this.#route(made);
  }

  #redial(device: Device, line: number, one: Leg | undefined): void {
    const number = this.#dialled.get(device.name);
    if (number === undefined) return;
    if (one?.state === 'dialing') {
      one.digits = number;
      this.#route(one);
    } else this.#dial(device, line, number);
  }

  #onHook(device: Device, reference: number): void {
    const legs = this.#legsOf(device.name);
    const active = legs.find((one) => one.reference === reference) ?? legs.find(hasEar);
    if (active === undefined) return;
    const { transferOf } = active;
    // "Transfer, dial, hang up" completes it as the second press does.
    if (transferOf !== null && active.peer !== null) this.#transfer(transferOf, active);
    else this.#end(active);
  }

  #digit(device: Device, { button, callReference }: MessageOf<'KeypadButton'>): void {
    const one = this.#legOf(device.name, callReference);
    const key = KEYPAD[button];
    if (one?.state !== 'dialing' || key === undefined) return;
    if (one.digits === '') this.#say(one, ...leg.firstDigit(one));
    const isDone = key === POUND && one.digits !== '';
    if (!isDone) one.digits += key;
    if (isDone || this.#numbers.has(one.digits) || one.digits.length >= this.#longest) this.#route(one);
  }

  #softKey(device: Device, { event, lineInstance, callReference }: MessageOf<'SoftKeyEvent'>): void {
    const one = this.#legOf(device.name, callReference);
    switch (event) {
      case SOFT_KEY.newCall:
        this.#begin(device, lineInstance);
        return;
      case SOFT_KEY.redial:
        this.#redial(device, lineInstance, one);
        return;
      case SOFT_KEY.answer:
        if (one?.state === 'ring-in') this.#answer(one);
        return;
      case SOFT_KEY.hold:
        if (one?.state === 'connected') this.#hold(one);
        return;
      case SOFT_KEY.resume:
        if (one?.state === 'hold') this.#resume(one);
        return;
      case SOFT_KEY.endCall:
        if (one !== undefined) this.#end(one);
        return;
      case SOFT_KEY.transfer:
        if (one !== undefined) this.#transferKey(device, one);
        return;
      case SOFT_KEY.backSpace:
        if (one?.state === 'dialing') one.digits = one.digits.slice(0, -1);
        return;
    }
  }

  #stimulus(device: Device, { stimulus, instance }: MessageOf<'Stimulus'>): void {
    if (stimulus === BUTTON.speedDial) {
      const dial = device.speedDials[instance - 1];
      if (dial === undefined) return;
      const open = this.#legsOf(device.name).find(({ state }) => state === 'dialing');
      if (open === undefined) this.#dial(device, 1, dial.number);
      else {
        open.digits = dial.number;
        this.#route(open);
      }
      return;
    }
    const one = this.#legOf(device.name, 0);
    if (stimulus === BUTTON.hold && one?.state === 'connected') this.#hold(one);
    else if (stimulus === BUTTON.hold && one?.state === 'hold') this.#resume(one);
    else if (stimulus === BUTTON.transfer && one !== undefined) this.#transferKey(device, one);
    else if (stimulus === BUTTON.line) this.#offHook(device, instance);
  }

  #route(from: Leg): void {
    const { digits } = from;
    this.#dialled.set(from.device, digits);
    this.#say(from, ...leg.proceeding(from));
    const entry = this.#numbers.get(digits);
    const why =
      entry === undefined
        ? 'unknown'
        : entry.device === ''
          ? 'unavailable'
          : this.#legsOf(entry.device).length >= BUSY_TRIGGER || entry.device === from.device
            ? 'busy'
            : null;
    if (entry === undefined || why !== null) {
      from.state = 'failed';
      this.#say(from, ...leg.failed(from, why ?? 'unknown'));
      this.#tell(why ?? 'unknown', from, digits);
      return;
    }
    const waiting = this.#legsOf(entry.device).length > 0;
    const to = this.#newLeg(entry.device, entry.line, digits, false);
    to.peer = from;
    from.peer = to;
    from.state = 'ring-out';
    this.#say(to, ...leg.ringIn(to, waiting));
    this.#say(from, ...leg.ringOut(from));
    this.#tell('ringing', from, digits);
  }

  #answer(one: Leg): void {
    const { peer } = one;
    if (peer === null) return;
    for (const other of this.#legsOf(one.device)) if (other.state === 'connected') this.#hold(other);
    this.#say(one, ...leg.answered(one));
    this.#connect(one, peer);
    this.#tell('connected', peer, one.number);
  }

  /** Both hear each other from now on, as soon as both have said where they listen. */
  #connect(one: Leg, other: Leg): void {
    for (const each of [one, other]) {
      if (each.state !== 'hold') each.state = 'connected';
      this.#openMedia(each);
      if (each.state === 'connected') this.#say(each, ...leg.connected(each));
    }
  }

  #openMedia(one: Leg): void {
    if (one.state !== 'connected' || one.peer === null || one.peer.state === 'hold') return;
    one.media = 'opening';
    this.#say(one, leg.openReceive(one));
  }

  #opened(device: Device, { status, ipAddr, port, passThroughPartyId }: MessageOf<'OpenReceiveChannelAck'>): void {
    const one = this.#legsOf(device.name).find(({ reference }) => reference === passThroughPartyId);
    if (one?.media !== 'opening') return;
    if (status !== MEDIA_STATUS.ok || typeof ipAddr !== 'number') {
      this.#end(one);
      return;
    }
    one.media = 'open';
    one.listensAt = { address: ipAddr, port };
    const { peer } = one;
    if (peer?.media !== 'open' || peer.listensAt === null) return;
    this.#say(peer, leg.startMedia(peer, one.listensAt));
    this.#say(one, leg.startMedia(one, peer.listensAt));
  }

  #closeMedia(one: Leg): void {
    if (one.media === 'none') return;
    one.media = 'none';
    one.listensAt = null;
    this.#say(one, ...leg.closeMedia(one), leg.askStatistics(one));
  }

  #hold(one: Leg): void {
    this.#closeMedia(one);
    if (one.peer !== null) this.#closeMedia(one.peer);
    one.state = 'hold';
    this.#say(one, ...leg.held(one));
  }

  #resume(one: Leg): void {
    for (const other of this.#legsOf(one.device)) if (other.state === 'connected') this.#hold(other);
    one.state = 'connected';
    if (one.peer !== null) this.#connect(one, one.peer);
  }

  /** Pressed the first time it begins the second call, the second time it joins the others. */
  #transferKey(device: Device, one: Leg): void {
    if (one.transferOf !== null) {
      if (one.peer !== null) this.#transfer(one.transferOf, one);
      return;
    }
    if (one.state !== 'connected') return;
    const consult = this.#begin(device, one.line);
    if (consult !== null) consult.transferOf = one;
  }

  /** Who was held is connected with who was asked, who may still be ringing; the two legs between them end. */
  #transfer(held: Leg, consult: Leg): void {
    const [first, second] = [held.peer, consult.peer];
    if (first === null || second === null) return;
    for (const each of [first, second, held, consult]) this.#closeMedia(each);
    held.peer = null;
    consult.peer = null;
    first.peer = second;
    second.peer = first;
    this.#tell('transferred', first, second.number);
    this.#end(held);
    this.#end(consult);
    if (second.state !== 'ring-in') this.#connect(first, second);
    else {
      first.state = 'ring-out';
      this.#say(first, ...leg.ringOut(first));
      this.#say(second, ...leg.ringIn(second, false));
    }
  }

  #end(one: Leg): void {
    const legs = this.#legsOf(one.device);
    if (!legs.includes(one)) return;
    this.#closeMedia(one);
    const left = legs.filter((other) => other !== one);
    this.#legs.set(one.device, left);
    if (left.length === 0) this.#legs.delete(one.device);
    for (const other of left) if (other.transferOf === one) other.transferOf = null;
    this.#say(one, ...leg.ended(one, left.length === 0));
    const { peer } = one;
    one.peer = null;
    if (peer === null) return;
    this.#tell('ended', one.isCaller ? one : peer, one.isCaller ? peer.number : one.number);
    peer.peer = null;
    this.#end(peer);
  }

  #tell(outcome: CallOutcome, from: Leg, to: string): void {
    this.#owner.tell({ type: 'call', outcome, from: from.number, to });
  }
}

function hasEar({ state }: Leg): boolean {
  return state !== 'hold' && state !== 'ring-in';
}
