import type { CompletionResult, Operation } from '../../hal/secure.ts';
import { type Instant, SECOND } from '../../hal/timer.ts';
import type { TcpSink, TcpSocket } from '../net/sockets.ts';
import { deleteLsc, installLsc } from '../phone/trust/lsc-store.ts';
import {
  CapfClient,
  type CapfCredential,
  type CapfOut,
  type CapfResult,
  type CapfServer,
  type SigningJob,
} from '../protocols/capf.ts';
import type { PhoneContext } from './phone-context.ts';
import type { SecureConnections } from './secure-connection.ts';
import type { TvsConnection } from './tvs-connection.ts';

/** The CAPF client with its connections, the secure element that makes its keys, and the flash that keeps what comes of them. */
export class CapfConnection {
  readonly #phone: PhoneContext;
  readonly #connections: SecureConnections;
  readonly #tvs: TvsConnection;
  readonly #client: CapfClient;
  #waiter: ((now: Instant, result: CapfResult) => void) | null = null;
  /** The name being looked up; 0 while none is. */
  #lookup = 0;
  #socket: TcpSocket | null = null;
  /** Number of the last connection: what belongs to an earlier one is not listened to. */
  #connection = 0;
  /** The key made last, sealed. */
  #sealed: Uint8Array | null = null;

  constructor(phone: PhoneContext, connections: SecureConnections, tvs: TvsConnection) {
    this.#phone = phone;
    this.#connections = connections;
    this.#tvs = tvs;
    this.#client = new CapfClient(phone.hal.board.deviceName, phone.hal.tunables);
  }

  get busy(): boolean {
    return this.#waiter !== null;
  }

  /** `waiter` is called once, unless `cancel` comes first. Not while busy. */
  run(
    now: Instant,
    servers: readonly CapfServer[],
    credential: CapfCredential,
    waiter: (now: Instant, result: CapfResult) => void,
  ): void {
    const lsc = this.#phone.hal.secure.ownCertificate('lsc');
    this.#client.process(now, { kind: 'start', servers, credential, lsc });
    this.#waiter = waiter;
  }

  cancel(now: Instant): void {
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

  #obey(now: Instant, out: CapfOut): void {
    switch (out.kind) {
      case 'connect':
        this.#connect(now, out.server);
        return;
      case 'write':
        // A message is far shorter than the room that a connection has for it.
        this.#socket?.write(now, out.octets);
        return;
      case 'close':
        this.#close(now);
        return;
      case 'sign':
        this.#sign(out.jobs, []);
        return;
      case 'make-key':
        this.#afterwards(this.#phone.hal.secure.generateKey(out.key), (at, result) => {
          this.#sealed = result.ok ? (result.sealed ?? null) : null;
          this.#client.process(at, { kind: 'key-made', publicKey: result.ok ? result.octets : null });
        });
        return;
      case 'store':
        this.#store(now, out.certificate);
        return;
      case 'delete': {
        const { hal, trust } = this.#phone;
        deleteLsc(trust, hal.secure);
        hal.trace.event('lsc', { outcome: 'deleted' });
        return;
      }
      case 'ended': {
        const waiter = this.#waiter;
        this.#waiter = null;
        waiter?.(now, out.result);
      }
    }
  }

  #sign([job, ...others]: readonly SigningJob[], done: readonly Uint8Array[]): void {
    if (job === undefined) {
      this.#client.process(this.#phone.hal.timer.now(), { kind: 'signed', signatures: done });
      return;
    }
    const { slot, digest, message } = job;
    this.#afterwards(this.#phone.hal.secure.sign(slot, digest, message), (at, result) => {
      if (result.ok) this.#sign(others, [...done, result.octets]);
      else this.#client.process(at, { kind: 'signed', signatures: null });
    });
  }

  /** What comes of it counts for this connection only. */
  #afterwards(operation: Operation, heard: (now: Instant, result: CompletionResult) => void): void {
    const connection = this.#connection;
    this.#phone.completions.expect(operation, (now, result) => {
      if (this.#socket !== null && this.#connection === connection) heard(now, result);
    });
  }

  #store(now: Instant, certificate: Uint8Array): void {
    const { hal, trust } = this.#phone;
    const sealed = this.#sealed;
    const problem = sealed === null ? 'No key was made for it.' : installLsc(trust, hal.secure, sealed, certificate);
    this.#sealed = null;
    if (problem === null) {
      const fields = hal.secure.certificate(certificate);
      if (fields !== null) {
        const { subject, issuer, serial, key } = fields;
        hal.trace.event('lsc', { outcome: 'installed', subject, issuer, serial, key });
      }
    } else hal.trace.debug(`CAPF: ${problem}`);
    this.#client.process(now, { kind: 'stored', ok: problem === null });
  }

  #connect(now: Instant, { host, port }: CapfServer): void {
    this.#lookup = this.#phone.names.resolve(now, host, (at, found) => {
      this.#lookup = 0;
      if (!found.ok) {
        this.#client.process(at, { kind: 'gone', why: `dns.${found.why}` });
        return;
      }
      const server = {
        remote: { address: found.addresses[0]!, port },
        host,
        role: 'CAPF',
        encrypted: true,
        verify: this.#tvs.verify.bind(this.#tvs),
      } as const;
      const connectTimeout = this.#phone.hal.tunables['capf.timeout'] * SECOND;
      const connection = ++this.#connection;
      this.#socket = this.#connections.connect(at, server, this.#sink(connection), { connectTimeout });
    });
  }

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
