import { type Instant, SECOND } from '../../hal/timer.ts';
import type { RegistrationClientOut } from '../protocols/registration-client.ts';
import type { LostConnection } from './out-of-service.ts';
import type { PhoneContext } from './phone-context.ts';
import type { Registration } from './registration.ts';

/** A registration that ended, until there is another one. */
interface Outage {
  readonly type: 'failover' | 'failback';
  readonly from: string;
  readonly cause: string;
  readonly at: Instant;
}

/** What the phone tells of its registrations: connections made and lost, what was accepted, and how long there was none between two call managers. */
export class RegistrationEvents {
  readonly #phone: PhoneContext;
  #outage: Outage | null = null;
  /** Connection of the registration that is over. */
  lostConnection: LostConnection | null = null;

  constructor(phone: PhoneContext) {
    this.#phone = phone;
  }

  connect(registration: Registration, outcome: 'connected' | 'failed', reason?: string): void {
    const fields = { ...named(registration), outcome };
    this.#phone.hal.trace.event('callmanager.connect', reason === undefined ? fields : { ...fields, reason });
  }

  standby(registration: Registration, outcome: 'connected' | 'failed' | 'lost', reason?: string): void {
    const fields = { ...named(registration), outcome };
    this.#phone.hal.trace.event('callmanager.standby', reason === undefined ? fields : { ...fields, reason });
  }

  accepted(
    now: Instant,
    { place }: Registration,
    { lines, keepaliveSeconds }: Extract<RegistrationClientOut, { kind: 'registered' }>,
  ): void {
    const { hal, facts } = this.#phone;
    const { member, port, transport } = place;
    this.#endOutage(now, member.host);
    hal.trace.event('registration.accepted', {
      host: member.host,
      port,
      protocol: facts.configuration!.sip === undefined ? 'sccp' : 'sip',
      transport,
      lines: lines.map((line) => line.number),
      elapsed: (now - hal.power.onSince) / SECOND,
      keepaliveSeconds,
    });
  }

  lost(registration: Registration, reason: string): void {
    this.lostConnection = registration.connection;
    this.#phone.hal.trace.event('registration.lost', { host: registration.place.member.host, reason });
  }

  /** Another call manager is to follow this one. */
  beginOutage(now: Instant, type: Outage['type'], { place }: Registration, cause: string): void {
    this.#outage = { type, from: place.member.host, cause, at: now };
  }

  forgetOutage(): void {
    this.#outage = null;
  }

  #endOutage(now: Instant, to: string): void {
    const outage = this.#outage;
    this.#outage = null;
    if (outage === null || outage.from === to) return;
    const { type, from, cause, at } = outage;
    this.#phone.hal.trace.event(type, { from, to, cause, seconds: (now - at) / SECOND });
  }
}

function named({ place: { member, port, transport } }: Registration) {
  const { host, priority } = member;
  return { host, port, transport, priority };
}
