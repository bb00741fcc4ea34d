import { isMalformed } from '../firmware/malformed.ts';
import { parseAddress } from '../firmware/wire/sip/grammar.ts';
import {
  describe,
  headerValue,
  type Message,
  parse,
  type Request,
  type Response,
} from '../firmware/wire/sip/message.ts';
import { MessageStream } from '../firmware/wire/sip/stream.ts';
import { readRegister } from '../lab/sip-call-manager/register-request.ts';
import type { Manager, RegistrationSight } from './registration-sight.ts';
import type { Talk } from './sccp-sight.ts';
import type { Sight, Story } from './story.ts';

/** REGISTERs without an answer; a phone has one a line. */
const MAX_PENDING = 32;

interface Pending {
  readonly user: string;
  readonly expires: number;
  readonly hasCredentials: boolean;
}

/** A SIP conversation (RFC 3261 section 10): registered with the 200 to a REGISTER. */
export class SipSight implements Talk {
  readonly #manager: Manager;
  readonly #story: Story;
  readonly #registration: RegistrationSight;
  readonly #up = new MessageStream();
  readonly #down = new MessageStream();
  /** By Call-ID and CSeq. */
  readonly #pending = new Map<string, Pending>();

  constructor(manager: Manager, story: Story, registration: RegistrationSight) {
    this.#manager = manager;
    this.#story = story;
    this.#registration = registration;
  }

  data(octets: Uint8Array, fromPhone: boolean, sight: Sight): void {
    (fromPhone ? this.#up : this.#down).push(octets, (bytes, offset, length) => {
      this.datagram(bytes.subarray(offset, offset + length), fromPhone, sight);
      return true;
    });
  }

  /** One whole message. */
  datagram(octets: Uint8Array, fromPhone: boolean, sight: Sight): void {
    const message = parse(octets);
    if (!isMalformed(message)) this.#take(message, fromPhone, sight);
  }

  gap(fromPhone: boolean): void {
    (fromPhone ? this.#up : this.#down).clear();
  }

  closed(byPhone: boolean, sight: Sight): void {
    this.#registration.closed(this.#manager, byPhone ? 'closed by the phone' : 'closed', sight);
  }

  finish(): void {}

  #take(m: Message, fromPhone: boolean, sight: Sight): void {
    const sequence = headerValue(m, 'CSeq') ?? '';
    const method = m.kind === 'request' ? m.method : `${m.status} ${sequence.replace(/^\d+\s*/, '')}`;
    this.#story.message(fromPhone ? 'phone' : 'network', `SIP ${method}`, describe(m), sight);
    this.#registration.note(sight);
    if (m.kind === 'request') {
      if (fromPhone && m.method === 'REGISTER') this.#registers(m);
      if (!fromPhone && m.method === 'NOTIFY') this.#notified(m, sight);
    } else if (!fromPhone) this.#answered(m, sight);
  }

  #registers(m: Request): void {
    if (parseAddress(headerValue(m, 'To') ?? '') === null || headerValue(m, 'Call-ID') === null) return;
    const { user, expires, keepAlive } = readRegister(m);
    if (keepAlive) return;
    const hasCredentials = headerValue(m, 'Authorization') !== null || headerValue(m, 'Proxy-Authorization') !== null;
    if (this.#pending.size < MAX_PENDING) this.#pending.set(keyOf(m), { user, expires, hasCredentials });
  }

  #answered(m: Response, sight: Sight): void {
    const key = keyOf(m);
    const pending = this.#pending.get(key);
    if (pending === undefined || m.status < 200) return;
    this.#pending.delete(key);
    const { user, expires, hasCredentials } = pending;
    if (m.status < 300) {
      if (expires === 0) this.#registration.leaving(this.#manager);
      else this.#registration.accepted(this.#manager, [user], Number(headerValue(m, 'Expires') ?? expires), sight);
      return;
    }
    const isChallenge = (m.status === 401 || m.status === 407) && !hasCredentials;
    if (isChallenge) return;
    if (m.status === 401 || m.status === 403 || m.status === 407) {
      const warning = /"([^"]*)"/.exec(headerValue(m, 'Warning') ?? '')?.[1];
      this.#registration.rejected(this.#manager, warning ?? `${m.status} ${m.reason}`, sight);
    } else this.#registration.failed(this.#manager, `SIP ${m.status} ${m.reason}`, sight);
  }

  /** Event `service-control`: the call manager wants a reset. */
  #notified(m: Request, sight: Sight): void {
    if (!/^service-control/i.test(headerValue(m, 'Event') ?? '')) return;
    const action = /action=(reset|restart|apply-config)/i.exec(Buffer.from(m.body).toString('latin1'))?.[1];
    if (action === undefined) return;
    const kind = action.toLowerCase() as 'reset' | 'restart' | 'apply-config';
    this.#registration.resetRequested(this.#manager, kind, sight);
  }
}

function keyOf(m: Message): string {
  return `${headerValue(m, 'Call-ID')} ${headerValue(m, 'CSeq')}`;
}
