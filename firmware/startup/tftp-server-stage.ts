import type { Ipv4 } from '../../hal/nic.ts';
import { type Instant, NEVER, SECOND } from '../../hal/timer.ts';
import {
  chooseTftpServers,
  MAX_TFTP_SERVERS,
  type TftpServerChoice,
  type TftpServerFacts,
  type TftpServerSource,
} from '../phone/tftp-servers.ts';
import { ipv4Text } from '../wire/address.ts';
import type { NameAnswer } from './name-resolver.ts';
import type { PhoneContext } from './phone-context.ts';
import type { Stage, StageOutput } from './stage.ts';

const DNS_STATUS = {
  timeout: 'DNS timeout',
  'unknown-host': 'DNS unknown host',
  'no-server': 'No DNS server IP',
} as const;

/**
 * Step 5: whom to ask for files. A source whose name does not resolve gives way to the next one in the order of precedence.
 */
export class TftpServerStage implements Stage {
  readonly name = 'tftp-server';
  /** The real phone's screen stays on the step before. */
  readonly screenText = null;
  readonly #phone: PhoneContext;
  #question: number | null = null;
  #output: StageOutput | null = null;

  constructor(phone: PhoneContext) {
    this.#phone = phone;
  }

  enter(now: Instant): void {
    this.#choose(now, undefined);
  }

  undo(now: Instant): void {
    if (this.#question !== null) this.#phone.names.cancel(now, this.#question);
    this.#question = null;
    this.#output = null;
    this.#phone.facts.tftpServers = [];
  }

  dispatch(_now: Instant, emit: (output: StageOutput) => void): void {
    const output = this.#output;
    this.#output = null;
    if (output !== null) emit(output);
  }

  pollAt(): Instant {
    return this.#output === null ? NEVER : 0;
  }

  #choose(now: Instant, after: TftpServerSource | undefined): void {
    const choice = chooseTftpServers(this.#serverFacts(), after);
    if (choice === null) {
      this.#phone.status.report('TFTP error');
      const retryAt = now + this.#phone.hal.tunables['config.retryLoop'] * SECOND;
      this.#output = { kind: 'failed', reason: 'tftp.no-server', retry: { at: retryAt } };
    } else if (choice.needsResolve === undefined) {
      this.#use(choice.servers, choice.source);
    } else {
      const name = choice.needsResolve;
      this.#question = this.#phone.names.resolve(now, name, (at, answer) => this.#resolved(at, choice, answer));
    }
  }

  #resolved(now: Instant, choice: TftpServerChoice, answer: NameAnswer): void {
    this.#question = null;
    if (answer.ok) {
      this.#use(answer.addresses.slice(0, MAX_TFTP_SERVERS), choice.source);
      return;
    }
    this.#phone.status.report(DNS_STATUS[answer.why]);
    this.#choose(now, choice.source);
  }

  #use(servers: readonly Ipv4[], source: TftpServerSource): void {
    const { hal, facts, settings } = this.#phone;
    facts.tftpServers = servers;
    const manual = source === 'alternate' && !settings.network().dhcp;
    hal.trace.event('tftp.server', { servers: servers.map(ipv4Text), source: manual ? 'static' : source });
    this.#output = { kind: 'done', reason: source };
  }

  #serverFacts(): TftpServerFacts {
    const { settings, facts } = this.#phone;
    const { alternateTftp } = settings.network();
    const { option150, option66, siaddr, domain } = facts.addressing!;
    return { alternate: alternateTftp.length === 0 ? null : alternateTftp, option150, option66, siaddr, domain };
  }
}
