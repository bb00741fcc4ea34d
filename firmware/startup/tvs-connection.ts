import { type Instant, NEVER } from '../../hal/timer.ts';
import { parseHex } from '../../storage/ascii.ts';
import type { CertificateName } from '../phone/trust/signed-file.ts';
import type { VouchedCertificate } from '../phone/trust/verdict.ts';
import { TvsClient, type TvsOut, type TvsQuestion, type TvsServer } from '../protocols/tvs.ts';
import { emitLatin1 } from '../wire/text.ts';
import type { Answer } from '../wire/tvs.ts';
import { ClientConnection } from './client-connection.ts';
import { loadConfiguration } from './configuration-memory.ts';
import type { PhoneContext } from './phone-context.ts';
import type { SecureConnections } from './secure-connection.ts';
import type { TvsQuery } from './tvs-query.ts';

type Waiter = (now: Instant, answer: Answer | null) => void;

/** The trust verification client with its connections: one question at a time, to the servers of the last good configuration. */
export class TvsConnection implements TvsQuery {
  readonly #phone: PhoneContext;
  readonly #connections: SecureConnections;
  /** None before the first question: few phones ever have one. */
  #dialogue: { readonly client: TvsClient; readonly connection: ClientConnection } | null = null;
  #waiter: Waiter | null = null;

  constructor(phone: PhoneContext, connections: SecureConnections) {
    this.#phone = phone;
    this.#connections = connections;
  }

  ask(now: Instant, signer: CertificateName, waiter: (now: Instant, vouched: VouchedCertificate | null) => void): void {
    const question: TvsQuestion = {
      kind: 'query',
      subject: terminated(signer.subject),
      issuer: signer.issuerOctets,
      serial: parseHex(signer.serial) ?? new Uint8Array(0),
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
    this.#dialogue?.client.process(now, { kind: 'stop' });
    this.#dialogue?.connection.close(now);
  }

  dispatch(now: Instant): void {
    this.#dialogue?.client.dispatch(now, (out) => this.#obey(now, out));
  }

  pollAt(): Instant {
    return this.#dialogue?.client.pollAt() ?? NEVER;
  }

  /** Whoever asks before the last question is answered has given that one up. */
  #ask(now: Instant, question: TvsQuestion, waiter: Waiter): void {
    if (this.#waiter !== null) this.cancel();
    this.#waiter = waiter;
    this.#dialogue ??= this.#newDialogue();
    this.#dialogue.client.process(now, { kind: 'ask', question, servers: this.#servers() });
  }

  #newDialogue(): { readonly client: TvsClient; readonly connection: ClientConnection } {
    const { board, tunables } = this.#phone.hal;
    const client = new TvsClient(`${board.model.productId}-${board.deviceName}`, tunables);
    const connection = new ClientConnection(this.#phone, this.#connections, {
      role: 'TVS',
      connectTimeout: tunables['tvs.timeout'],
      hear: (now, news) => client.process(now, news),
    });
    return { client, connection };
  }

  #servers(): readonly TvsServer[] {
    const { facts, trust } = this.#phone;
    return (facts.configuration ?? loadConfiguration(trust))?.tvs ?? [];
  }

  #obey(now: Instant, out: TvsOut): void {
    switch (out.kind) {
      case 'connect':
        this.#dialogue?.connection.open(now, out.server);
        return;
      case 'write':
        this.#dialogue?.connection.write(now, out.octets);
        return;
      case 'close':
        this.#dialogue?.connection.close(now);
        return;
      case 'answered': {
        this.#phone.hal.trace.debug(`TVS: ${out.why}`);
        const waiter = this.#waiter;
        this.#waiter = null;
        waiter?.(now, out.answer);
      }
    }
  }
}

function terminated(text: string): Uint8Array {
  const octets = new Uint8Array(text.length + 1);
  emitLatin1(text, octets, 0);
  return octets;
}
