import type { CompletionResult, Operation } from '../../hal/secure.ts';
import type { Instant } from '../../hal/timer.ts';
import { deleteLsc, installLsc } from '../phone/trust/lsc-store.ts';
import {
  CapfClient,
  type CapfCredential,
  type CapfOut,
  type CapfResult,
  type CapfServer,
  type SigningJob,
} from '../protocols/capf.ts';
import { ClientConnection } from './client-connection.ts';
import type { PhoneContext } from './phone-context.ts';
import type { SecureConnections } from './secure-connection.ts';
import type { TvsConnection } from './tvs-connection.ts';

/** The CAPF client with its connections, the secure element that makes its keys, and the flash that keeps what comes of them. */
export class CapfConnection {
  readonly #phone: PhoneContext;
  readonly #client: CapfClient;
  readonly #connection: ClientConnection;
  #waiter: ((now: Instant, result: CapfResult) => void) | null = null;
  /** The key made last, sealed. */
  #sealed: Uint8Array | null = null;

  constructor(phone: PhoneContext, connections: SecureConnections, tvs: TvsConnection) {
    this.#phone = phone;
    this.#client = new CapfClient(phone.hal.board.deviceName, phone.hal.tunables);
    this.#connection = new ClientConnection(phone, connections, {
      role: 'CAPF',
      verify: (now, certificate, answer) => tvs.verify(now, certificate, answer),
      connectTimeout: phone.hal.tunables['capf.timeout'],
      hear: (now, news) => this.#client.process(now, news),
    });
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
    this.#connection.close(now);
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
        this.#connection.open(now, out.server);
        return;
      case 'write':
        this.#connection.write(now, out.octets);
        return;
      case 'close':
        this.#connection.close(now);
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
    const counts = this.#connection.untilClosed();
    this.#phone.completions.expect(operation, (now, result) => {
      if (counts()) heard(now, result);
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
}
