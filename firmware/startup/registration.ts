import type { Ipv4 } from '../../hal/nic.ts';
import { type Instant, NEVER, SECOND } from '../../hal/timer.ts';
import type { ConnectOptions, TcpGone, TcpSink, TcpSocket, UdpSocket } from '../net/sockets.ts';
import type { CallMedia } from '../protocols/calls.ts';
import type {
  RegistrationClient,
  RegistrationClientIn,
  RegistrationClientOut,
} from '../protocols/registration-client.ts';
import { SccpClient } from '../protocols/sccp.ts';
import { SipClient } from '../protocols/sip.ts';
import type { CallManagerMember } from './configuration-memory.ts';
import type { NameAnswer } from './name-resolver.ts';
import type { LostConnection } from './out-of-service.ts';
import type { PhoneContext } from './phone-context.ts';
import type { TransportChoice } from './transport-choice.ts';

/** Written data that stays unacknowledged this long means that the peer has vanished (lab reports: phones re-home after 30 to 35 s). */
const USER_TIMEOUT = 5 * SECOND;

/** Addresses of one name that are tried before the next member of the list is: each may cost the time of a connection that nobody answers. */
const MOST_ADDRESSES = 3;

export type RegistrationOut =
  | Exclude<RegistrationClientOut, { kind: 'write' | 'close' }>
  /** The connection is open, and the server has been recognized. */
  | { readonly kind: 'connected' }
  /** There never was a connection. `reason` is a stable slug: `dns.timeout`, `refused`, `tls.handshake`. */
  | { readonly kind: 'failed'; readonly reason: string };

/** Opens TLS to that address; `sink` hears of the server only when it has been recognized, `failed` why it has not. */
export type SecureOpening = (
  now: Instant,
  address: number,
  sink: TcpSink,
  options: ConnectOptions,
  failed: (reason: string) => void,
) => TcpSocket;

/** One member of the list, and how it is reached. */
export interface CallManagerPlace {
  readonly index: number;
  readonly member: CallManagerMember;
  readonly transport: TransportChoice['transport'];
  readonly port: number;
  /** Null where the transport is not TLS. */
  readonly secure: SecureOpening | null;
}

/**
 * One call manager that the phone has to do with: its name is looked up, a TCP connection or a UDP socket opened, and the machine that speaks on it is made
 * then. Left alone after `connected` it is a standby connection; told to register it is a registration.
 */
export class Registration implements TcpSink {
  readonly place: CallManagerPlace;
  readonly #phone: PhoneContext;
  readonly #media: CallMedia;
  /** Seconds between keepalives while this is a standby connection, as the call manager of the registration wants them; 0 while none has said. */
  readonly #standbySeconds: number;
  /** Null until the connection is open. */
  #client: RegistrationClient | null = null;
  #tcp: TcpSocket | null = null;
  #udp: UdpSocket | null = null;
  #address = 0;
  /** Further ones of the same name, for the case that this one cannot be reached. */
  #otherAddresses: readonly Ipv4[] = [];
  /** What did not fit into the send buffer yet, oldest first. */
  #unsent: Uint8Array[] = [];
  /** The question to DNS; null once it is answered. */
  #question: number | null;
  /** A server that takes the connection and then says nothing of TLS is given up; `NEVER` once it is open. */
  #openBy: Instant = NEVER;
  #secureFailure: string | null = null;
  #gone = false;
  /** What the owner has not heard yet. */
  #news: Extract<RegistrationOut, { kind: 'connected' | 'failed' }> | null = null;

  /** @param media of the phone's calls */
  constructor(phone: PhoneContext, now: Instant, place: CallManagerPlace, media: CallMedia, standbySeconds = 0) {
    this.place = place;
    this.#phone = phone;
    this.#media = media;
    this.#standbySeconds = standbySeconds;
    this.#question = phone.names.resolve(now, place.member.host, (at, answer) => this.#resolved(at, answer));
  }

  /** There is a connection, and nothing has been heard of its end. */
  get open(): boolean {
    return this.#client !== null && !this.#gone;
  }

  /** Its ends; null where there is none, and over UDP. */
  get connection(): LostConnection | null {
    return this.#tcp === null ? null : { callManager: this.#tcp.remote, localPort: this.#tcp.local.port };
  }

  process(now: Instant, input: RegistrationClientIn): void {
    this.#client?.process(now, input);
  }

  dispatch(now: Instant, emit: (out: RegistrationOut) => void): void {
    if (now >= this.#openBy) {
      this.#otherAddresses = [];
      this.#tcp?.abort(now);
      this.gone(now, 'timeout');
    }
    const news = this.#news;
    if (news !== null) {
      this.#news = null;
      emit(news);
    }
    this.#client?.dispatch(now, (out) => {
      if (out.kind === 'write') this.#write(now, out.octets);
      else if (out.kind === 'close') this.#close(now);
      else emit(out);
    });
  }

  pollAt(): Instant {
    if (this.#news !== null) return 0;
    return this.#client === null ? this.#openBy : this.#client.pollAt();
  }

  abort(now: Instant): void {
    if (this.#question !== null) this.#phone.names.cancel(now, this.#question);
    this.#question = null;
    if (!this.#gone) this.#tcp?.abort(now);
    this.#udp?.close();
    this.#gone = true;
    this.#otherAddresses = [];
    this.#openBy = NEVER;
  }

  /** FIN: for a standby connection that is no longer needed. */
  close(now: Instant): void {
    if (this.open) this.#close(now);
    else this.abort(now);
    this.#gone = true;
  }

  connected(now: Instant): void {
    const { address, port } = this.#tcp!.local;
    this.#ready(now, { ownAddress: address, ownPort: port });
  }

  data(now: Instant, octets: Uint8Array): void {
    if (!this.#gone) this.#client!.process(now, { kind: 'data', octets });
  }

  ended(now: Instant): void {
    // A call manager that says FIN wants the phone elsewhere: our side has nothing left to say either.
    this.#tcp!.close(now);
    this.gone(now, 'closed');
  }

  writable(now: Instant): void {
    while (this.#unsent.length > 0) {
      const octets = this.#unsent[0]!;
      const taken = this.#tcp!.write(now, octets);
      if (taken < octets.length) {
        this.#unsent[0] = octets.subarray(taken);
        return;
      }
      this.#unsent.shift();
    }
  }

  gone(now: Instant, why: TcpGone): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#openBy = NEVER;
    this.#udp?.close();
    const other = this.#otherAddresses[0];
    if (this.#client === null && this.#secureFailure === null && other !== undefined) {
      this.#otherAddresses = this.#otherAddresses.slice(1);
      this.#gone = false;
      this.#open(now, other);
      return;
    }
    // Gone before the owner has heard that it is there: to it there never was a connection.
    if (this.#client === null || this.#news !== null) this.#fail(this.#secureFailure ?? why);
    else this.#client.process(now, { kind: 'gone', why });
  }

  #fail(reason: string): void {
    this.#gone = true;
    this.#news = { kind: 'failed', reason };
  }

  #resolved(now: Instant, answer: NameAnswer): void {
    this.#question = null;
    if (!answer.ok) {
      this.#phone.status.report(answer.why === 'timeout' ? 'DNS timeout' : 'DNS unknown host');
      this.#fail(`dns.${answer.why}`);
      return;
    }
    const [first, ...others] = answer.addresses;
    this.#otherAddresses = others.slice(0, MOST_ADDRESSES - 1);
    this.#open(now, first!);
  }

  #open(now: Instant, address: Ipv4): void {
    const { hal, stack, facts } = this.#phone;
    const { transport, port, secure } = this.place;
    this.#address = address;
    if (transport === 'udp') {
      this.#udp = this.#bind(now);
      if (this.#udp === null) this.#fail('unreachable');
      else this.#ready(now, { ownAddress: facts.addressing!.address, ownPort: this.#udp.port });
      return;
    }
    const connectTimeout = hal.tunables['sccp.connectTimeout'] * SECOND;
    const options = { connectTimeout, userTimeout: USER_TIMEOUT, keepAlive: this.#keepAlive() };
    if (secure === null) this.#tcp = stack.connect(now, { address: this.#address, port }, this, options);
    else {
      this.#openBy = now + connectTimeout;
      this.#tcp = secure(now, this.#address, this, options, (reason) => {
        this.#secureFailure = reason;
      });
    }
  }

  /** Over SCCP the phone speaks every half minute; over SIP it is silent for two. */
  #keepAlive(): number {
    const { hal, facts } = this.#phone;
    return facts.configuration!.sip === undefined ? 0 : hal.tunables['sip.tcpKeepalive'] * SECOND;
  }

  #ready(now: Instant, own: { readonly ownAddress: number; readonly ownPort: number }): void {
    this.#openBy = NEVER;
    this.#news = { kind: 'connected' };
    this.#client = clientOf(this.#phone, this.place, this.#media, this.#standbySeconds);
    this.#client.process(now, { kind: 'connected', ...own });
  }

  /** On the port that the configuration names, or on any when somebody has that. */
  #bind(now: Instant): UdpSocket | null {
    const { stack, facts } = this.#phone;
    const from = this.#address;
    const sink = (at: Instant, octets: Uint8Array, sender: { readonly address: number }) => {
      if (sender.address === from) this.data(at, octets);
    };
    const unreachable = (at: Instant) => this.gone(Math.max(at, now), 'unreachable');
    const port = facts.configuration!.sip!.voipControlPort;
    return stack.udp(port, sink, { unreachable }) ?? stack.udp(0, sink, { unreachable });
  }

  #write(now: Instant, octets: Uint8Array): void {
    if (this.#gone) return;
    if (this.#udp !== null) {
      this.#udp.send(now, { address: this.#address, port: this.place.port }, octets);
      return;
    }
    const taken = this.#unsent.length > 0 ? 0 : this.#tcp!.write(now, octets);
    if (taken < octets.length) this.#unsent.push(octets.subarray(taken));
  }

  #close(now: Instant): void {
    this.#tcp?.close(now);
    this.#udp?.close();
  }
}

function clientOf(
  { hal, boot, facts }: PhoneContext,
  { member, transport }: CallManagerPlace,
  media: CallMedia,
  standbySeconds: number,
): RegistrationClient {
  const { tunables, rng, trace } = hal;
  const { model, deviceName, mac } = hal.board;
  const identity = { model, deviceName, mac, load: boot.load };
  const named = facts.configuration!.sip;
  if (named === undefined) {
    return new SccpClient({ ...identity, ...(standbySeconds > 0 ? { standbySeconds } : {}), tunables, rng, media });
  }
  // TLS that the lists do not allow is TCP, and says so.
  const settings = named.transport === transport ? named : { ...named, transport };
  const inactive = boot.services.slots().find(({ slot, running }) => !running && slot !== 'recovery');
  return new SipClient({
    ...identity,
    inactiveLoad: inactive?.load ?? '',
    settings,
    host: member.host,
    tunables,
    rng,
    hash: (octets) => hal.secure.hash('md5', octets),
    calendar: () => hal.wallClock.now(),
    debug: (line) => trace.debug(line),
    media,
  });
}
