import { recordsFor } from '../phone/trust/trust-list.ts';
import type { TrustStore } from '../phone/trust/trust-store.ts';
import type { AppliedConfiguration, CallManagerMember } from './configuration-memory.ts';

/** Where TLS is when a configuration that an older load saved does not say. */
const DEFAULT_SECURE_PORTS = Object.freeze({ SCCP: 2443, SIP: 5061 });

/** Whether call managers are spoken to over TLS, and why so. */
export interface TransportChoice {
  /** `empty`: a list that names no call manager. */
  readonly ctl: 'absent' | 'empty' | 'valid';
  readonly transport: 'tcp' | 'tls' | 'udp';
  /** A stable slug. */
  readonly why: 'profile.none' | 'sip.transport' | 'ctl.absent' | 'ctl.no-callmanager' | 'ctl.valid';
}

/**
 * "Mode authenticated or encrypted, and the CTL holds a valid certificate of the call manager": TLS, which a SIP profile has to name besides. Without such a
 * list the phone goes by TCP, where a call manager refuses it if its profile is secure.
 */
export function chooseTransport({ security, sip }: AppliedConfiguration, store: TrustStore): TransportChoice {
  const list = store.installed().ctl;
  const ctl = list === null ? 'absent' : recordsFor(list, 'CCM').length === 0 ? 'empty' : 'valid';
  const plain = sip?.transport === 'udp' ? 'udp' : 'tcp';
  if (security === 'none') return { ctl, transport: plain, why: 'profile.none' };
  if (sip !== undefined && sip.transport !== 'tls') return { ctl, transport: plain, why: 'sip.transport' };
  if (ctl === 'valid') return { ctl, transport: 'tls', why: 'ctl.valid' };
  return { ctl, transport: plain, why: ctl === 'absent' ? 'ctl.absent' : 'ctl.no-callmanager' };
}

/** What this member is spoken to by: a survivable gateway speaks TLS only where the file says so. */
export function transportTo(member: CallManagerMember, { transport }: TransportChoice): TransportChoice['transport'] {
  return transport === 'tls' && member.plainOnly === true ? 'tcp' : transport;
}

export function portOf(
  { port, securePort }: CallManagerMember,
  transport: TransportChoice['transport'],
  protocol: 'SCCP' | 'SIP',
): number {
  return transport === 'tls' ? (securePort ?? DEFAULT_SECURE_PORTS[protocol]) : port;
}
