/**
 * SIP transactions, RFC 3261 section 17, on one connection or one UDP socket. Timers are deadlines; over a reliable transport those that retransmit or wait
 * for retransmissions do not run.
 *
 *     client, not INVITE (17.1.2)   trying --1xx--> proceeding --final--> completed --timer K--> gone; timer E repeats, timer F gives up
 *     client, INVITE (17.1.1)       trying --1xx--> proceeding --300 to 699--> completed (ACK to each) --timer D--> gone; 2xx ends it; timer A repeats, B gives up
 *     server, not INVITE (17.2.2)   trying --answer--> completed (repeats it) --timer J--> gone
 *     server, INVITE (17.2.1)       proceeding --300 to 699--> completed (timer G repeats it) --ACK--> gone, or timer H
 *                                              --2xx--> accepted (RFC 6026: drops copies of the INVITE) --timer L--> gone
 */
import { type Duration, earlier, type Instant, NEVER, SECOND } from '../../../hal/timer.ts';
import { parameter, parseSequence, parseVia, split } from '../../wire/sip/grammar.ts';
import {
  encode,
  type Header,
  headerValue,
  type Message,
  NO_BODY,
  type Request,
  type Response,
} from '../../wire/sip/message.ts';
import type { SipTimers } from './settings.ts';

interface ClientTransaction<T> {
  readonly branch: string;
  readonly method: string;
  /** What the request was for. */
  readonly purpose: T;
  /** Kept for repeating; null over a reliable transport. */
  readonly octets: Uint8Array | null;
  /** What ACK and CANCEL are made from; null of any other request. */
  readonly invite: Request | null;
  /** To the refusal of an INVITE; null until there is one. */
  ack: Uint8Array | null;
  state: 'trying' | 'proceeding' | 'completed';
  interval: Duration;
  repeatAt: Instant;
  /** Timer F or B, then timer K or D. */
  endAt: Instant;
}

interface ServerTransaction {
  readonly key: string;
  readonly invite: boolean;
  /** The last answer; null until there is one. */
  octets: Uint8Array | null;
  final: boolean;
  interval: Duration;
  repeatAt: Instant;
  endAt: Instant;
}

/** Requests of others that are remembered at once. A peer that sends more is answered each time anew. */
const MAX_SERVER = 64;

/** Timer D over UDP (17.1.1.2). */
const TIMER_D: Duration = 32 * SECOND;

const COOKIE = 'z9hG4bK';

export class Transactions<T> {
  readonly #timers: SipTimers;
  readonly #reliable: boolean;
  readonly #write: (octets: Uint8Array) => void;
  #client: ClientTransaction<T>[] = [];
  #server: ServerTransaction[] = [];

  constructor(timers: SipTimers, reliable: boolean, write: (octets: Uint8Array) => void) {
    this.#timers = timers;
    this.#reliable = reliable;
    this.#write = write;
  }

  /** Sends a request, whose Via names the branch. */
  request(now: Instant, m: Request, purpose: T): void {
    const octets = encode(m);
    const { t1 } = this.#timers;
    this.#client.push({
      branch: branchOf(m) ?? '',
      method: m.method,
      purpose,
      octets: this.#reliable ? null : octets,
      invite: m.method === 'INVITE' ? m : null,
      ack: null,
      state: 'trying',
      interval: t1,
      repeatAt: this.#reliable ? NEVER : now + t1,
      endAt: now + 64 * t1,
    });
    this.#write(octets);
  }

  /**
   * Takes an INVITE back that has had a provisional response (9.1). One that stays unanswered all the same is over after 64 T1. False when there is nothing
   * to take back: there is a final response, or none at all yet.
   */
  cancel(now: Instant, invite: Request, purpose: T): boolean {
    const found = this.#client.find((one) => one.invite === invite && one.state === 'proceeding');
    if (found === undefined) return false;
    found.endAt = now + 64 * this.#timers.t1;
    this.request(now, sameHop(invite, 'CANCEL', null), purpose);
    return true;
  }

  /** What the request was for that this response answers; null when it answers none, or again. */
  response(now: Instant, m: Response): T | null {
    const branch = branchOf(m);
    const method = parseSequence(headerValue(m, 'CSeq') ?? '')?.method;
    const found = this.#client.find((one) => one.branch === branch && one.method === method);
    if (found === undefined) return null;
    if (found.state === 'completed') {
      if (found.ack !== null && m.status >= 300) this.#write(found.ack);
      return null;
    }
    return found.invite === null ? this.#answered(now, found, m) : this.#invited(now, found, found.invite, m);
  }

  #invited(now: Instant, found: ClientTransaction<T>, invite: Request, m: Response): T {
    found.repeatAt = NEVER;
    if (m.status < 200) {
      // How long a phone may ring is not the transaction's to say.
      if (found.state === 'trying') found.endAt = NEVER;
      found.state = 'proceeding';
      return found.purpose;
    }
    found.state = 'completed';
    found.endAt = now + TIMER_D;
    if (m.status >= 300) {
      found.ack = encode(sameHop(invite, 'ACK', headerValue(m, 'To')));
      this.#write(found.ack);
    }
    // Who called sends the ACK to a 2xx, and to each copy of it (13.2.2.4).
    if (this.#reliable || m.status < 300) this.#client = this.#client.filter((one) => one !== found);
    return found.purpose;
  }

  #answered(now: Instant, found: ClientTransaction<T>, m: Response): T {
    const { t2, t4 } = this.#timers;
    if (m.status < 200) {
      found.state = 'proceeding';
      found.interval = t2;
      if (!this.#reliable) found.repeatAt = earlier(found.repeatAt, now + t2);
      return found.purpose;
    }
    found.state = 'completed';
    found.repeatAt = NEVER;
    found.endAt = now + t4;
    if (this.#reliable) this.#client = this.#client.filter((one) => one !== found);
    return found.purpose;
  }

  /** True for a request that nobody has seen yet; a repeated one gets the same answer again, and ACK none. */
  arrived(now: Instant, m: Request): boolean {
    const key = keyOf(m);
    const known = this.#server.find((one) => one.key === key);
    if (known !== undefined) {
      if (m.method === 'ACK') this.#server = this.#server.filter((one) => one !== known);
      else if (known.octets !== null) this.#write(known.octets);
      return false;
    }
    if (m.method === 'ACK') return false;
    if (this.#server.length === MAX_SERVER) this.#server.shift();
    const invite = m.method === 'INVITE';
    const endAt = invite ? NEVER : now + 64 * this.#timers.t1;
    this.#server.push({ key, invite, octets: null, final: false, interval: this.#timers.t1, repeatAt: NEVER, endAt });
    return true;
  }

  respond(now: Instant, to: Request, m: Response): void {
    const octets = encode(m);
    this.#write(octets);
    const key = keyOf(to);
    const found = this.#server.find((one) => one.key === key);
    if (found === undefined) return;
    found.octets = octets;
    if (m.status < 200) return;
    found.final = true;
    // A 2xx to INVITE is repeated by who answers the call (13.3.1.4).
    const accepted = found.invite && m.status < 300;
    if (accepted) found.octets = null;
    if (this.#reliable && (accepted || !found.invite)) this.#server = this.#server.filter((one) => one !== found);
    found.endAt = now + 64 * this.#timers.t1;
    if (found.invite && !accepted && !this.#reliable) found.repeatAt = now + found.interval;
  }

  /** Repeats what is due, forgets what is over, and names what was never answered. */
  dispatch(now: Instant, timedOut: (purpose: T) => void): void {
    if (now < this.pollAt()) return;
    const { t2 } = this.#timers;
    for (const one of [...this.#client, ...this.#server]) {
      if (now >= one.repeatAt && now < one.endAt) {
        this.#write(one.octets!);
        one.interval = nextInterval(one, t2);
        one.repeatAt = now + one.interval;
      }
    }
    const unanswered = this.#client.filter((one) => now >= one.endAt && one.state !== 'completed');
    this.#client = this.#client.filter((one) => now < one.endAt);
    this.#server = this.#server.filter((one) => now < one.endAt);
    for (const { purpose } of unanswered) timedOut(purpose);
  }

  pollAt(): Instant {
    let at = NEVER;
    for (const one of this.#client) at = earlier(at, earlier(one.repeatAt, one.endAt));
    for (const one of this.#server) at = earlier(at, earlier(one.repeatAt, one.endAt));
    return at;
  }

  clear(): void {
    this.#client = [];
    this.#server = [];
  }
}

/** Timer A doubles for ever (17.1.1.2), timers E and G up to T2. */
function nextInterval(one: ClientTransaction<unknown> | ServerTransaction, t2: Duration): Duration {
  if (!('state' in one)) return Math.min(2 * one.interval, t2);
  if (one.invite !== null) return 2 * one.interval;
  return one.state === 'proceeding' ? t2 : Math.min(2 * one.interval, t2);
}

/** ACK to a refusal (17.1.1.3, whose To is the response's), and CANCEL (9.1): what belongs to one hop of the INVITE. */
function sameHop(invite: Request, method: 'ACK' | 'CANCEL', to: string | null): Request {
  const headers: Header[] = [];
  for (const header of invite.headers) {
    const { name } = header;
    if (name === 'Via' || name === 'Route' || name === 'From' || name === 'Call-ID' || name === 'Max-Forwards') {
      headers.push(header);
    } else if (name === 'To') headers.push({ name, value: to ?? header.value });
    else if (name === 'CSeq') headers.push({ name, value: `${Number.parseInt(header.value, 10)} ${method}` });
  }
  return { ...invite, method, headers, body: NO_BODY };
}

/** What an INVITE and its CANCEL have in common (9.2). */
export function inviteKeyOf(m: Request): string {
  return keyOf({ ...m, method: 'INVITE' });
}

/** `branch` of the topmost Via. */
export function branchOf(m: Message): string | null {
  const via = topVia(m);
  return via === null ? null : parameter(via.parameters, 'branch');
}

function topVia(m: Message) {
  const first = split(headerValue(m, 'Via') ?? '', ',')?.[0];
  return first === undefined ? null : parseVia(first);
}

/** What two copies of a request have in common, and an ACK with its INVITE (17.2.3). */
function keyOf(m: Request): string {
  const via = topVia(m);
  const branch = via === null ? null : parameter(via.parameters, 'branch');
  const method = m.method === 'ACK' ? 'INVITE' : m.method;
  if (via !== null && branch?.startsWith(COOKIE)) return `${branch} ${via.host}:${via.port ?? ''} ${method}`;
  const sequence = parseSequence(headerValue(m, 'CSeq') ?? '')?.number ?? '';
  return [headerValue(m, 'Call-ID'), sequence, headerValue(m, 'From'), headerValue(m, 'Via'), method].join(' ');
}
