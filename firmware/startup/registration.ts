import { earlier, type Instant, NEVER, SECOND } from '../../hal/timer.ts';
import type { ConnectOptions, TcpGone, TcpSink, TcpSocket, UdpSocket } from '../net/sockets.ts';
import type {
  RegistrationClient,
  RegistrationClientIn,
  RegistrationClientOut,
} from '../protocols/registration-client.ts';
import { SccpClient } from '../protocols/sccp.ts';
import { SipClient } from '../protocols/sip.ts';
import type { CallManagerMember } from './configuration-memory.ts';
import type { PhoneContext } from './phone-context.ts';

/** Written data that stays unacknowledged this long means that the peer has vanished (lab reports: phones re-home after 30 to 35 s). */
const USER_TIMEOUT = 5 * SECOND;

export type RegistrationOut =
  | Exclude<RegistrationClientOut, { kind: 'write' | 'close' }>
  | { readonly kind: 'connected' };

/** Opens a connection to the call manager at that address whose sink hears of it only when the server has been recognized. */
export type SecureOpening = (now: Instant, address: number, sink: TcpSink, options: ConnectOptions) => TcpSocket;

/** One call manager being registered with: a TCP connection, or a UDP socket, and the machine that speaks on it. */
export class Registration implements TcpSink {
  readonly #client: RegistrationClient;
  readonly #tcp: TcpSocket | null = null;
  readonly #udp: UdpSocket | null = null;
  readonly #address: number;
  readonly #port: number;
  /** What did not fit into the send buffer yet, oldest first. */
  #unsent: Uint8Array[] = [];
  /** A server that takes the connection and then says nothing of TLS is given up; `NEVER` once it is open. */
  #openBy: Instant = NEVER;
  #connected = false;
  #gone = false;
  /** The connection opened; the owner has not heard it yet. */
  #tellConnected = false;

  /** @param secure opens the connection instead of plain TCP */
  constructor(
    phone: PhoneContext,
    now: Instant,
    address: number,
    member: CallManagerMember,
    secure: SecureOpening | null = null,
  ) {
    const { hal, stack, facts } = phone;
    this.#address = address;
    this.#port = member.port;
    this.#client = clientOf(phone, member, secure !== null);
    if (facts.configuration!.sip?.transport === 'udp') {
      this.#udp = this.#open(phone, now);
      if (this.#udp !== null) {
        this.#ready(now, { ownAddress: facts.addressing!.address, ownPort: this.#udp.port });
      } else this.gone(now, 'unreachable');
      return;
    }
    const connectTimeout = hal.tunables['sccp.connectTimeout'] * SECOND;
    const options = { connectTimeout, userTimeout: USER_TIMEOUT };
    if (secure === null) this.#tcp = stack.connect(now, { address, port: member.port }, this, options);
    else {
      this.#tcp = secure(now, address, this, options);
      this.#openBy = now + connectTimeout;
    }
  }

  get open(): boolean {
    return this.#connected && !this.#gone;
  }

  process(now: Instant, input: RegistrationClientIn): void {
    this.#client.process(now, input);
  }

  dispatch(now: Instant, emit: (out: RegistrationOut) => void): void {
    if (now >= this.#openBy) {
      this.#openBy = NEVER;
      this.#tcp?.abort(now);
      this.gone(now, 'timeout');
    }
    if (this.#tellConnected) {
      this.#tellConnected = false;
      emit({ kind: 'connected' });
    }
    this.#client.dispatch(now, (out) => {
      if (out.kind === 'write') this.#write(now, out.octets);
      else if (out.kind === 'close') this.#close(now);
      else emit(out);
    });
  }

  pollAt(): Instant {
    return this.#tellConnected ? 0 : earlier(this.#openBy, this.#client.pollAt());
  }

  abort(now: Instant): void {
    if (!this.#gone) this.#tcp?.abort(now);
    this.#udp?.close();
    this.#gone = true;
  }

  connected(now: Instant): void {
    const { address, port } = this.#tcp!.local;
    this.#ready(now, { ownAddress: address, ownPort: port });
  }

  data(now: Instant, octets: Uint8Array): void {
    this.#client.process(now, { kind: 'data', octets });
  }

  ended(now: Instant): void {
    // A call manager that says FIN wants the phone elsewhere: our side has nothing left to say either.
    this.#tcp!.close(now);
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
    this.#client.process(now, { kind: 'gone', why });
  }

  #ready(now: Instant, own: { readonly ownAddress: number; readonly ownPort: number }): void {
    this.#connected = true;
    this.#openBy = NEVER;
    this.#tellConnected = true;
    this.#client.process(now, { kind: 'connected', ...own });
  }

  /** On the port that the configuration names, or on any when somebody has that. */
  #open({ stack, facts }: PhoneContext, now: Instant): UdpSocket | null {
    const from = this.#address;
    const sink = (at: Instant, octets: Uint8Array, sender: { readonly address: number }) => {
      if (sender.address === from && !this.#gone) this.data(at, octets);
    };
    const unreachable = (at: Instant) => this.gone(Math.max(at, now), 'unreachable');
    const port = facts.configuration!.sip!.voipControlPort;
    return stack.udp(port, sink, { unreachable }) ?? stack.udp(0, sink, { unreachable });
  }

  #write(now: Instant, octets: Uint8Array): void {
    if (this.#gone) return;
    if (this.#udp !== null) {
      this.#udp.send(now, { address: this.#address, port: this.#port }, octets);
      return;
    }
    this.#unsent.push(octets);
    if (this.#unsent.length === 1) this.writable(now);
  }

  #close(now: Instant): void {
    this.#tcp?.close(now);
    this.#udp?.close();
  }
}

function clientOf(
  { hal, boot, facts }: PhoneContext,
  member: CallManagerMember,
  isSecure: boolean,
): RegistrationClient {
  const { tunables, rng, trace } = hal;
  const { model, deviceName, mac } = hal.board;
  const identity = { model, deviceName, mac, load: boot.load };
  const named = facts.configuration!.sip;
  if (named === undefined) return new SccpClient({ ...identity, tunables, rng });
  // TLS that the lists do not allow is TCP, and says so.
  const settings = named.transport === 'tls' && !isSecure ? { ...named, transport: 'tcp' as const } : named;
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
  });
}
