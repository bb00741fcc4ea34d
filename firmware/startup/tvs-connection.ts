import { type Instant, SECOND } from '../../hal/timer.ts';
import type { TcpSink, TcpSocket } from '../net/sockets.ts';
import type { CertificateName } from '../phone/trust/signed-file.ts';
import type { VouchedCertificate } from '../phone/trust/verdict.ts';
import { TvsClient, type TvsOut, type TvsQuestion, type TvsServer } from '../protocols/tvs.ts';
import { emitLatin1 } from '../wire/text.ts';
import type { Answer } from '../wire/tvs.ts';
import { loadConfiguration } from './configuration-memory.ts';
import type { PhoneContext } from './phone-context.ts';
import type { SecureConnections } from './secure-connection.ts';
import type { TvsQuery } from './tvs-query.ts';

type Waiter = (now: Instant, answer: Answer | null) => void;

/** The trust verification client with its connections: one question at a time, to the servers of the last good configuration. */
export class TvsConnection implements TvsQuery {
  readonly #phone: PhoneContext;
  readonly #connections: SecureConnections;
  readonly #client: TvsClient;
  #waiter: Waiter | null = null;
  /** The name being looked up; 0 while none is. */
  #lookup = 0;
  #socket: TcpSocket | null = null;
  /** Number of the last connection. */
  #connection = 0;

  constructor(phone: PhoneContext, connections: SecureConnections) {
    this.#phone = phone;
    this.#connections = connections;
    const { board, tunables } = phone.hal;
    this.#client = new TvsClient(`${board.model.productId}-${board.deviceName}`, tunables);
  }

  ask(now: Instant, signer: CertificateName, waiter: (now: Instant, vouched: VouchedCertificate | null) => void): void {
    const question: TvsQuestion = {
      kind: 'query',
      subject: terminated(signer.subject),
      issuer: signer.issuerOctets,
      serial: octetsOfHex(signer.serial),
    };
    this.#ask(now, question, (at, answer) => {
      const { valid = false, certificate = null, roles = [] } = answer ?? {};
      waiter(at, valid && certificate !== null ? { certificate, roles } : null);
    });
  }

  /** Roles in which the cluster uses that certificate; none when nobody knows it, or nobody answers. */
  verify(now: Instant, certificate: Uint8Array, waiter: (now: Instant, roles: readonly number[]) => void): void {
    this.#ask(now, { kind: 'verification', certificate }, (at, answer) =>
      waiter(at, answer?.valid === true ? answer.roles : []),
    );
  }

  cancel(): void {
    const now = this.#phone.hal.timer.now();
    this.#waiter = null;
    this.#client.process(now, { kind: 'stop' });
    this.#close(now);
  }

  dispatch(now: Instant): void {
    this.#client.dispatch(now, (out) => this.#obey(now, out));
  }

  pollAt(): Instant {
    return this.#client.pollAt();
  }

  /** Whoever asks before the last question is answered has given that one up. */
  #ask(now: Instant, question: TvsQuestion, waiter: Waiter): void {
    if (this.#waiter !== null) this.cancel();
    this.#waiter = waiter;
    this.#client.process(now, { kind: 'ask', question, servers: this.#servers() });
  }

  #servers(): readonly TvsServer[] {
    const { facts, trust } = this.#phone;
    return (facts.configuration ?? loadConfiguration(trust))?.tvs ?? [];
  }

  #obey(now: Instant, out: TvsOut): void {
    switch (out.kind) {
      case 'connect':
        this.#connect(now, out.server);
        return;
      case 'write':
        this.#socket?.write(now, out.octets);
        return;
      case 'close':
        this.#close(now);
        return;
      case 'answered': {
        this.#phone.hal.trace.debug(`TVS: ${out.why}`);
        const waiter = this.#waiter;
        this.#waiter = null;
        waiter?.(now, out.answer);
      }
    }
  }

  #connect(now: Instant, { host, port }: TvsServer): void {
    this.#lookup = this.#phone.names.resolve(now, host, (at, found) => {
      this.#lookup = 0;
      if (!found.ok) {
        this.#client.process(at, { kind: 'gone', why: `dns.${found.why}` });
        return;
      }
      const server = { remote: { address: found.addresses[0]!, port }, host, role: 'TVS', encrypted: true } as const;
      const connectTimeout = this.#phone.hal.tunables['tvs.timeout'] * SECOND;
      const connection = ++this.#connection;
      this.#socket = this.#connections.connect(at, server, this.#sink(connection), { connectTimeout });
    });
  }

  /** What a connection says that was closed, for the next one perhaps, is not listened to. */
  #sink(connection: number): TcpSink {
    const isOurs = (): boolean => this.#socket !== null && this.#connection === connection;
    return {
      connected: (now) => {
        if (isOurs()) this.#client.process(now, { kind: 'connected' });
      },
      data: (now, octets) => {
        if (isOurs()) this.#client.process(now, { kind: 'data', octets });
      },
      ended: (now) => {
        if (!isOurs()) return;
        this.#close(now);
        this.#client.process(now, { kind: 'gone', why: 'closed' });
      },
      writable: () => undefined,
      gone: (now, why) => {
        if (!isOurs()) return;
        this.#socket = null;
        this.#client.process(now, { kind: 'gone', why });
      },
    };
  }

  #close(now: Instant): void {
    const socket = this.#socket;
    this.#socket = null;
    socket?.close(now);
    if (this.#lookup !== 0) this.#phone.names.cancel(now, this.#lookup);
    this.#lookup = 0;
  }
}

function terminated(text: string): Uint8Array {
  const octets = new Uint8Array(text.length + 1);
  emitLatin1(text, octets, 0);
  return octets;
}

function octetsOfHex(hex: string): Uint8Array {
  const even = hex.length % 2 === 0 ? hex : `0${hex}`;
  return Uint8Array.from({ length: even.length / 2 }, (_, index) =>
    Number.parseInt(even.slice(2 * index, 2 * index + 2), 16),
  );
}
