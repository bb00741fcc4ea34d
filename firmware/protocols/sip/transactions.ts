/**
 * SIP transactions, RFC 3261 section 17, on one connection or one UDP socket. Timers are deadlines; over a reliable transport those that retransmit or wait
 * for retransmissions do not run.
 *
 *     client, not INVITE (17.1.2)   trying --1xx--> proceeding --final--> completed --timer K--> gone; timer E repeats, timer F gives up
 *     server, not INVITE (17.2.2)   trying --answer--> completed (repeats it) --timer J--> gone
 *     server, INVITE (17.2.1)       proceeding --final--> completed (timer G repeats it) --ACK--> gone, or timer H
 */
import { type Duration, earlier, type Instant, NEVER } from '../../../hal/timer.ts';
import { parameter, parseSequence, parseVia, split } from '../../wire/sip/grammar.ts';
import { encode, headerValue, type Message, type Request, type Response } from '../../wire/sip/message.ts';
import type { SipTimers } from './settings.ts';

interface ClientTransaction<T> {
  readonly branch: string;
  readonly method: string;
  /** What the request was for. */
  readonly purpose: T;
  /** Kept for repeating; null over a reliable transport. */
  readonly octets: Uint8Array | null;
  state: 'trying' | 'proceeding' | 'completed';
  interval: Duration;
  repeatAt: Instant;
  /** Timer F, then timer K. */
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
      state: 'trying',
      interval: t1,
      repeatAt: this.#reliable ? NEVER : now + t1,
      endAt: now + 64 * t1,
    });
    this.#write(octets);
  }

  /** What the request was for that this response answers; null when it answers none, or again. */
  response(now: Instant, m: Response): T | null {
    const branch = branchOf(m);
    const method = parseSequence(headerValue(m, 'CSeq') ?? '')?.method;
    const found = this.#client.find((one) => one.branch === branch && one.method === method);
    if (found === undefined || found.state === 'completed') return null;
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
    const endAt = now + 64 * this.#timers.t1;
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
    // A 2xx to INVITE is repeated by who answers the call (13.3.1.4); the transaction is over.
    const over = (this.#reliable && !found.invite) || (found.invite && m.status < 300);
    if (over) this.#server = this.#server.filter((one) => one !== found);
    found.endAt = now + 64 * this.#timers.t1;
    if (found.invite && !this.#reliable) found.repeatAt = now + found.interval;
  }

  /** Repeats what is due, forgets what is over, and names what was never answered. */
  dispatch(now: Instant, timedOut: (purpose: T) => void): void {
    if (now < this.pollAt()) return;
    const { t2 } = this.#timers;
    for (const one of [...this.#client, ...this.#server]) {
      if (now >= one.repeatAt && now < one.endAt) {
        this.#write(one.octets!);
        one.interval = 'state' in one && one.state === 'proceeding' ? t2 : Math.min(2 * one.interval, t2);
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

/** `branch` of the topmost Via. */
function branchOf(m: Message): string | null {
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
