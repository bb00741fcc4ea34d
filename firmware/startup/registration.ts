import { type Instant, SECOND } from '../../hal/timer.ts';
import type { TcpGone, TcpSink, TcpSocket } from '../net/sockets.ts';
import { SccpClient, type SccpIn, type SccpOut } from '../protocols/sccp.ts';
import type { PhoneContext } from './phone-context.ts';

/** Written data that stays unacknowledged this long means that the peer has vanished (lab reports: phones re-home after 30 to 35 s). */
const USER_TIMEOUT = 5 * SECOND;

export type RegistrationOut = Exclude<SccpOut, { kind: 'write' | 'close' }> | { readonly kind: 'connected' };

/** One call manager being registered with: a TCP connection and the SCCP machine on it. */
export class Registration implements TcpSink {
  readonly #client: SccpClient;
  readonly #socket: TcpSocket;
  /** What did not fit into the send buffer yet, oldest first. */
  #unsent: Uint8Array[] = [];
  #connected = false;
  #gone = false;
  /** The connection opened; the owner has not heard it yet. */
  #tellConnected = false;

  constructor(phone: PhoneContext, now: Instant, address: number, port: number) {
    const { hal, boot, stack } = phone;
    const { model, deviceName, mac } = hal.board;
    this.#client = new SccpClient({
      model,
      deviceName,
      mac,
      load: boot.load,
      tunables: hal.tunables,
      rng: hal.rng,
    });
    const connectTimeout = hal.tunables['sccp.connectTimeout'] * SECOND;
    this.#socket = stack.connect(now, { address, port }, this, { connectTimeout, userTimeout: USER_TIMEOUT });
  }

  get open(): boolean {
    return this.#connected && !this.#gone;
  }

  process(now: Instant, input: SccpIn): void {
    this.#client.process(now, input);
  }

  dispatch(now: Instant, emit: (out: RegistrationOut) => void): void {
    if (this.#tellConnected) {
      this.#tellConnected = false;
      emit({ kind: 'connected' });
    }
    this.#client.dispatch(now, (out) => {
      if (out.kind === 'write') this.#write(now, out.octets);
      else if (out.kind === 'close') this.#socket.close(now);
      else emit(out);
    });
  }

  pollAt(): Instant {
    return this.#tellConnected ? 0 : this.#client.pollAt();
  }

  abort(now: Instant): void {
    if (!this.#gone) this.#socket.abort(now);
    this.#gone = true;
  }

  connected(now: Instant): void {
    this.#connected = true;
    this.#tellConnected = true;
    this.#client.process(now, { kind: 'connected', ownAddress: this.#socket.local.address });
  }

  data(now: Instant, octets: Uint8Array): void {
    this.#client.process(now, { kind: 'data', octets });
  }

  ended(now: Instant): void {
    // A call manager that says FIN wants the phone elsewhere: our side has nothing left to say either.
    this.#socket.close(now);
  }

  writable(now: Instant): void {
    while (this.#unsent.length > 0) {
      const octets = this.#unsent[0]!;
      const taken = this.#socket.write(now, octets);
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
    this.#client.process(now, { kind: 'gone', why });
  }

  #write(now: Instant, octets: Uint8Array): void {
    if (this.#gone) return;
    this.#unsent.push(octets);
    if (this.#unsent.length === 1) this.writable(now);
  }
}
