import { type Instant, SECOND } from '../../hal/timer.ts';
import type { TcpSink, TcpSocket } from '../net/sockets.ts';
import type { PhoneContext } from './phone-context.ts';
import type { SecureConnections, SecureServer } from './secure-connection.ts';

/** What a client machine hears of its connection, in its own words. */
export type ConnectionNews =
  | { readonly kind: 'connected' }
  | { readonly kind: 'data'; readonly octets: Uint8Array }
  | { readonly kind: 'gone'; readonly why: string };

export interface ClientConnectionOptions extends Pick<SecureServer, 'role' | 'verify'> {
  /** Seconds until a server that does not answer is given up. */
  readonly connectTimeout: number;
  readonly hear: (now: Instant, news: ConnectionNews) => void;
}

/** The one connection at a time that a client of the cluster's services has: looks the server up, opens TLS to it, and tells the client what comes. */
export class ClientConnection {
  readonly #phone: PhoneContext;
  readonly #connections: SecureConnections;
  readonly #options: ClientConnectionOptions;
  /** The name being looked up; 0 while none is. */
  #lookup = 0;
  #socket: TcpSocket | null = null;
  /** Number of the last connection: what belongs to an earlier one is not listened to. */
  #number = 0;

  constructor(phone: PhoneContext, connections: SecureConnections, options: ClientConnectionOptions) {
    this.#phone = phone;
    this.#connections = connections;
    this.#options = options;
  }

  open(now: Instant, { host, port }: { readonly host: string; readonly port: number }): void {
    const { role, verify, connectTimeout, hear } = this.#options;
    this.#lookup = this.#phone.names.resolve(now, host, (at, found) => {
      this.#lookup = 0;
      if (!found.ok) {
        hear(at, { kind: 'gone', why: `dns.${found.why}` });
        return;
      }
      const remote = { address: found.addresses[0]!, port };
      const server = { remote, host, role, encrypted: true, ...(verify === undefined ? {} : { verify }) };
      this.#number++;
      const options = { connectTimeout: connectTimeout * SECOND };
      this.#socket = this.#connections.connect(at, server, this.#sink(this.untilClosed()), options);
    });
  }

  /** Messages are far shorter than the room that a connection has for them. */
  write(now: Instant, octets: Uint8Array): void {
    this.#socket?.write(now, octets);
  }

  /** Tells from now on whether the connection is still the one of now. */
  untilClosed(): () => boolean {
    const number = this.#number;
    return () => this.#socket !== null && this.#number === number;
  }

  close(now: Instant): void {
    const socket = this.#socket;
    this.#socket = null;
    socket?.close(now);
    if (this.#lookup !== 0) this.#phone.names.cancel(now, this.#lookup);
    this.#lookup = 0;
  }

  #sink(isOurs: () => boolean): TcpSink {
    const { hear } = this.#options;
    return {
      connected: (now) => {
        if (isOurs()) hear(now, { kind: 'connected' });
      },
      data: (now, octets) => {
        if (isOurs()) hear(now, { kind: 'data', octets });
      },
      ended: (now) => {
        if (!isOurs()) return;
        this.close(now);
        hear(now, { kind: 'gone', why: 'closed' });
      },
      writable: () => undefined,
      gone: (now, why) => {
        if (!isOurs()) return;
        this.#socket = null;
        hear(now, { kind: 'gone', why });
      },
    };
  }
}
