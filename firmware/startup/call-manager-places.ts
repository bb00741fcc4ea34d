import type { TrustStore } from '../phone/trust/trust-store.ts';
import { membersOf } from './call-manager-list.ts';
import type { CallManagerMember } from './configuration-memory.ts';
import type { PhoneContext } from './phone-context.ts';
import type { CallManagerPlace, SecureOpening } from './registration.ts';
import type { SecureConnections } from './secure-connection.ts';
import { chooseTransport, portOf, type TransportChoice, transportTo } from './transport-choice.ts';
import type { TvsConnection } from './tvs-connection.ts';

/** What tells whether call managers are spoken to over TLS, and with whom. */
export interface CallManagerSecurity {
  readonly store: TrustStore;
  readonly connections: SecureConnections;
  readonly tvs: TvsConnection;
}

/** The members of the list as they are reached in this round: port, transport, and how TLS to them is opened. */
export class CallManagerPlaces {
  readonly #phone: PhoneContext;
  readonly #security: CallManagerSecurity;
  #members: readonly CallManagerMember[] = [];
  #choice: TransportChoice | null = null;

  constructor(phone: PhoneContext, security: CallManagerSecurity) {
    this.#phone = phone;
    this.#security = security;
  }

  get count(): number {
    return this.#members.length;
  }

  /** For a new round, by the configuration and the trust lists of now. Returns true when the transport is another one than before, and tells so. */
  choose(): boolean {
    const before = this.#choice;
    const configuration = this.#phone.facts.configuration!;
    this.#members = membersOf(configuration);
    this.#choice = chooseTransport(configuration, this.#security.store);
    const { ctl, transport, why } = this.#choice;
    if (before?.why === why && before.transport === transport) return false;
    this.#phone.hal.trace.event('security.decision', { profile: configuration.security, ctl, transport, why });
    return true;
  }

  place(index: number): CallManagerPlace {
    const member = this.#members[index]!;
    const transport = transportTo(member, this.#choice!);
    const port = portOf(member, transport, this.#phone.facts.configuration!.protocol);
    return { index, member, transport, port, secure: transport === 'tls' ? this.#opening(member, port) : null };
  }

  #opening({ host }: CallManagerMember, port: number): SecureOpening {
    const { tvs, connections } = this.#security;
    const encrypted = this.#phone.facts.configuration!.security === 'encrypted';
    return (now, address, sink, options, failed) => {
      const verify = tvs.verify.bind(tvs);
      const server = { remote: { address, port }, host, role: 'CCM', verify, encrypted, failed } as const;
      return connections.connect(now, server, sink, options);
    };
  }
}
