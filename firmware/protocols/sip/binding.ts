/** One address of record being registered: its Call-ID, its tag, its sequence numbers, and the digest it has been asked for. */
import type { Ipv4 } from '../../../hal/nic.ts';
import type { Rng } from '../../../hal/rng.ts';
import { type Instant, NEVER } from '../../../hal/timer.ts';
import { ipv4Text } from '../../wire/address.ts';
import type { Hash } from '../../wire/sip/digest.ts';
import type { Header } from '../../wire/sip/message.ts';
import { escapedUser } from '../../wire/sip/uri.ts';
import { DigestClient } from './digest-client.ts';
import { macDigits, type SipIdentity } from './offer.ts';
import type { SipLine } from './settings.ts';

/** SIPCC counts from 101 for each line. */
const FIRST_SEQUENCE = 101;

export function hex32(rng: Rng): string {
  return rng.u32().toString(16).padStart(8, '0');
}

/** The form of Cisco phones: `c80084aa-87430014-11d7279b-7ecf20ad@10.0.0.5`. */
export function newCallId(identity: SipIdentity, counter: number, address: Ipv4, rng: Rng): string {
  const mac = macDigits(identity.mac);
  const count = counter.toString(16).padStart(4, '0');
  return `${mac.slice(0, 8)}-${mac.slice(8)}${count}-${hex32(rng)}-${hex32(rng)}@${ipv4Text(address)}`;
}

/** `c80084aa8743001411d7279b-7ecf20ad`: MAC address, counter, chance. */
export function newTag(identity: SipIdentity, counter: number, rng: Rng): string {
  return `${macDigits(identity.mac)}${counter.toString(16).padStart(4, '0')}${hex32(rng)}-${hex32(rng)}`;
}

export class Binding {
  readonly line: SipLine;
  readonly callId: string;
  readonly tag: string;
  readonly digest: DigestClient;
  #sequence = FIRST_SEQUENCE - 1;
  /** Seconds asked for; 423 makes it longer. */
  expires: number;
  /** When to say again that the phone is here; NEVER while it is not registered. */
  refreshAt: Instant = NEVER;
  constructor(line: SipLine, callId: string, tag: string, expires: number, hash: Hash) {
    this.line = line;
    this.callId = callId;
    this.tag = tag;
    this.expires = expires;
    this.digest = new DigestClient(hash);
  }

  /** From, To, Call-ID of a request about this address of record. */
  addressHeaders(host: string): Header[] {
    const address = `<sip:${escapedUser(this.line.name)}@${host}>`;
    return [
      { name: 'From', value: `${address};tag=${this.tag}` },
      { name: 'To', value: address },
      { name: 'Call-ID', value: this.callId },
    ];
  }

  nextSequence(): number {
    this.#sequence++;
    return this.#sequence;
  }
}
