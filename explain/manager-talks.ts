import type { PhoneConfiguration } from '../firmware/phone/config/phone-configuration.ts';
import type { Conversation, Server } from './connections.ts';
import type { Packet } from './packet.ts';
import type { Manager, RegistrationSight } from './registration-sight.ts';
import { SccpSight, type Talk } from './sccp-sight.ts';
import { SecureSight } from './secure-sight.ts';
import { SipSight } from './sip-sight.ts';
import type { Sight, Story } from './story.ts';

type Protocol = Manager['protocol'];

/** Where call managers listen when no configuration says otherwise. */
const PORTS: Readonly<Record<number, { readonly protocol: Protocol; readonly tls: boolean }>> = {
  2000: { protocol: 'sccp', tls: false },
  2443: { protocol: 'sccp', tls: true },
  5060: { protocol: 'sip', tls: false },
  5061: { protocol: 'sip', tls: true },
};

/** Other servers that a phone speaks TLS to. */
const OTHER_ROLES: Readonly<Record<number, string>> = { 2445: 'TVS', 3804: 'CAPF', 6971: 'TFTP' };
const HTTPS_PORT = 6971;

/** An encrypted registration is believed when the call manager has answered this often, */
const BELIEVED_RECORDS = 2;
/** and the phone is still there after that many seconds: one that was rejected hangs up. */
const BELIEVED_AFTER = 3;
/** UDP peers of one phone. */
const MAX_PEERS = 16;

/** All conversations of one phone with call managers. */
export class ManagerTalks {
  readonly #story: Story;
  readonly #registration: RegistrationSight;
  readonly #configuration: () => PhoneConfiguration | null;
  readonly #before: (sight: Sight) => void;
  readonly #file: (sight: Sight) => void;
  readonly #open = new Set<{ finish(end: Sight): void }>();
  readonly #datagrams = new Map<string, SipSight>();

  /** @param before is called when the phone turns to a call manager: the steps before are over @param file when it fetches one over HTTPS */
  constructor(
    story: Story,
    registration: RegistrationSight,
    configuration: () => PhoneConfiguration | null,
    before: (sight: Sight) => void,
    file: (sight: Sight) => void,
  ) {
    this.#story = story;
    this.#registration = registration;
    this.#configuration = configuration;
    this.#before = before;
    this.#file = file;
  }

  /** A connection to that server; null when it is none of these. @param opens the capture has its first segment */
  converse(server: Server, opens: boolean, sight: Sight): Conversation | null {
    const role = OTHER_ROLES[server.port];
    if (role !== undefined) {
      const secured = server.port === HTTPS_PORT ? this.#file : () => {};
      return new OtherConversation(server, role, this.#story, secured);
    }
    const port = this.#portOf(server.port);
    if (port === null) return null;
    const transport = port.tls ? 'tls' : 'tcp';
    const manager: Manager = { server, protocol: port.protocol, transport };
    this.#before(sight);
    this.#registration.trying(sight);
    this.#story.message('phone', `TCP to ${server.port}`, `TCP connection to port ${server.port}`, sight);
    const talk = this.#talk(manager, opens);
    const done = () => this.#open.delete(conversation);
    const conversation = port.tls
      ? new SecureConversation(manager, talk, this.#story, this.#registration, done)
      : new PlainConversation(manager, talk, this.#registration, done);
    this.#open.add(conversation);
    return conversation;
  }

  /** SIP over UDP. */
  datagram(content: Extract<Packet['content'], { kind: 'udp' }>, fromPhone: boolean, sight: Sight): boolean {
    const { source, destination, sourcePort, destinationPort, payload } = content;
    const port = fromPhone ? destinationPort : sourcePort;
    if (this.#portOf(port)?.protocol !== 'sip') return false;
    const server = { address: fromPhone ? destination : source, port };
    const key = `${server.address} ${port}`;
    let talk = this.#datagrams.get(key);
    if (talk === undefined) {
      if (!fromPhone || this.#datagrams.size >= MAX_PEERS) return false;
      this.#before(sight);
      talk = new SipSight({ server, protocol: 'sip', transport: 'udp' }, this.#story, this.#registration);
      this.#datagrams.set(key, talk);
    }
    if (fromPhone) this.#registration.trying(sight);
    talk.datagram(payload, fromPhone, sight);
    return true;
  }

  finish(end: Sight): void {
    for (const talk of this.#open) talk.finish(end);
  }

  #talk(manager: Manager, opens: boolean): Talk {
    return manager.protocol === 'sip'
      ? new SipSight(manager, this.#story, this.#registration)
      : new SccpSight(manager, this.#story, this.#registration, opens);
  }

  #portOf(port: number): { readonly protocol: Protocol; readonly tls: boolean } | null {
    const known = PORTS[port];
    if (known !== undefined) return known;
    for (const member of this.#configuration()?.callManagers ?? []) {
      if (port === member.ethernetPhonePort) return { protocol: 'sccp', tls: false };
      if (port === member.securedEthernetPhonePort) return { protocol: 'sccp', tls: true };
      if (port === member.sipPort) return { protocol: 'sip', tls: false };
      if (port === member.securedSipPort) return { protocol: 'sip', tls: true };
    }
    return null;
  }
}

/** Over TCP as it is. */
class PlainConversation implements Conversation {
  readonly #manager: Manager;
  readonly #talk: Talk;
  readonly #registration: RegistrationSight;
  readonly #done: () => void;

  constructor(manager: Manager, talk: Talk, registration: RegistrationSight, done: () => void) {
    this.#manager = manager;
    this.#talk = talk;
    this.#registration = registration;
    this.#done = done;
  }

  finish(end: Sight): void {
    this.#talk.finish(end);
  }

  connected(sight: Sight): void {
    this.#registration.connected(this.#manager, sight);
  }

  data(octets: Uint8Array, fromPhone: boolean, sight: Sight): void {
    this.#talk.data(octets, fromPhone, sight);
  }

  gap(fromPhone: boolean): void {
    this.#talk.gap(fromPhone);
  }

  closed(byPhone: boolean, how: 'fin' | 'reset' | 'refused', sight: Sight): void {
    this.#done();
    if (how === 'refused') this.#registration.failed(this.#manager, byPhone ? 'timeout' : 'refused', sight);
    else this.#talk.closed(byPhone, sight);
  }
}

/** Over TLS: what is said shows only where a suite does not encrypt. */
class SecureConversation implements Conversation {
  readonly #manager: Manager;
  readonly #talk: Talk;
  readonly #registration: RegistrationSight;
  readonly #done: () => void;
  readonly #tls: SecureSight;
  #records = 0;
  #answeredAt: Sight | null = null;
  #isSecured = false;
  #phoneSpoke = false;

  constructor(manager: Manager, talk: Talk, story: Story, registration: RegistrationSight, done: () => void) {
    this.#manager = manager;
    this.#talk = talk;
    this.#registration = registration;
    this.#done = done;
    this.#tls = new SecureSight(manager.server, 'CCM', story, {
      secured: (sight) => {
        this.#isSecured = true;
        registration.connected(manager, sight);
      },
      failed: (reason, sight) => registration.failed(manager, reason, sight),
      text: (text, fromPhone, sight) => this.#text(text, fromPhone, sight),
    });
  }

  finish(end: Sight): void {
    this.#talk.finish(end);
    // Still there when the capture ends, whose end is its last frame.
    this.#believe(end, 0);
  }

  connected(): void {}

  data(octets: Uint8Array, fromPhone: boolean, sight: Sight): void {
    this.#registration.note(sight);
    this.#tls.data(octets, fromPhone, sight);
  }

  gap(fromPhone: boolean): void {
    this.#tls.gap(fromPhone);
    this.#talk.gap(fromPhone);
  }

  closed(byPhone: boolean, how: 'fin' | 'reset' | 'refused', sight: Sight): void {
    this.#done();
    if (how === 'refused') this.#registration.failed(this.#manager, byPhone ? 'timeout' : 'refused', sight);
    else if (!this.#isSecured) this.#tls.closed(byPhone, sight);
    // A phone that hangs up when it has seen the certificate, without a word, does not trust it.
    else if (!this.#phoneSpoke) this.#registration.failed(this.#manager, 'tls.peer-refused', sight);
    else this.#talk.closed(byPhone, sight);
  }

  #text(text: Uint8Array | null, fromPhone: boolean, sight: Sight): void {
    if (fromPhone) this.#phoneSpoke = true;
    if (text !== null) this.#talk.data(text, fromPhone, sight);
    else if (!fromPhone && ++this.#records === BELIEVED_RECORDS) this.#answeredAt = sight;
    this.#believe(sight, BELIEVED_AFTER);
  }

  #believe(sight: Sight, after: number): void {
    const answered = this.#answeredAt;
    if (answered === null || sight.at - answered.at < after) return;
    this.#answeredAt = null;
    this.#registration.accepted(this.#manager, [], 0, answered);
  }
}

/** TVS, CAPF, HTTPS: only the handshake. */
class OtherConversation implements Conversation {
  readonly #tls: SecureSight;

  constructor(server: Server, role: string, story: Story, secured: (sight: Sight) => void) {
    this.#tls = new SecureSight(server, role, story, { secured, failed: () => {}, text: () => {} });
  }

  connected(): void {}

  data(octets: Uint8Array, fromPhone: boolean, sight: Sight): void {
    this.#tls.data(octets, fromPhone, sight);
  }

  gap(fromPhone: boolean): void {
    this.#tls.gap(fromPhone);
  }

  closed(byPhone: boolean, how: 'fin' | 'reset' | 'refused', sight: Sight): void {
    if (how !== 'refused') this.#tls.closed(byPhone, sight);
  }
}
