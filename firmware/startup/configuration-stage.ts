import { type Instant, NEVER, SECOND } from '../../hal/timer.ts';
import { isProblem, parseConfiguration } from '../phone/config/parse-configuration.ts';
import type { PhoneConfiguration } from '../phone/config/phone-configuration.ts';
import { loadFor } from '../phone/config/phone-configuration.ts';
import { type AppliedConfiguration, applied, loadConfiguration, saveConfiguration } from './configuration-memory.ts';
import type { FetchResult } from './file-fetcher.ts';
import type { PhoneContext } from './phone-context.ts';
import type { Stage, StageOutput } from './stage.ts';

const DEFAULT_FILE = 'XMLDefault.cnf.xml';

/**
 * Step 8: the phone's own configuration file, or the default one for a phone that the cluster does not know yet; when no server
 * answers at all, the last good configuration out of flash, on which SRST depends.
 */
export class ConfigurationStage implements Stage {
  readonly name = 'configuration';
  readonly screenText = 'Configuring CM List';
  readonly #phone: PhoneContext;
  #output: StageOutput | null = null;

  constructor(phone: PhoneContext) {
    this.#phone = phone;
  }

  enter(now: Instant): void {
    this.#ask(now, `${this.#phone.hal.board.deviceName}.cnf.xml`);
  }

  undo(): void {
    this.#phone.files.cancel();
    this.#phone.facts.configuration = null;
    this.#output = null;
  }

  dispatch(_now: Instant, emit: (output: StageOutput) => void): void {
    const output = this.#output;
    this.#output = null;
    if (output !== null) emit(output);
  }

  pollAt(): Instant {
    return this.#output === null ? NEVER : 0;
  }

  #ask(now: Instant, name: string): void {
    const { hal, files, facts } = this.#phone;
    const maxSize = hal.tunables['file.maxConfigSize'];
    files.fetch(now, name, maxSize, facts.tftpServers, (at, result) => this.#answered(at, name, result));
  }

  #answered(now: Instant, name: string, result: FetchResult): void {
    const { status } = this.#phone;
    switch (result.outcome) {
      case 'received':
        this.#received(now, name, result.octets);
        return;
      case 'not-found':
        status.report(`File Not Found: ${name}`);
        if (name === DEFAULT_FILE) this.#fail(now, 'config.not-found');
        else this.#ask(now, DEFAULT_FILE);
        return;
      case 'timeout':
        status.report('TFTP timeout');
        this.#useLastGood(now, 'tftp.timeout');
        return;
      case 'too-large':
        status.report('CFG TFTP Size Error');
        this.#fail(now, 'config.too-large');
        return;
      case 'error':
        // Error code 2 is "access violation" (RFC 1350 section 5).
        status.report(result.code === 2 ? 'TFTP access error' : 'TFTP error');
        this.#useLastGood(now, 'tftp.error');
        return;
    }
  }

  #received(now: Instant, name: string, octets: Uint8Array): void {
    const { hal, trust, status } = this.#phone;
    const parsed = parseConfiguration(octets);
    if (isProblem(parsed)) {
      hal.trace.debug(`${name}: ${parsed.problem}`);
      status.report('Error parsing config file');
      this.#useLastGood(now, 'config.malformed');
      return;
    }
    for (const remark of parsed.remarks) hal.trace.debug(`${name}: ${remark}`);
    const own = parsed.root === 'device';
    const problem = own ? null : defaultFileRefusal(parsed);
    if (problem !== null) {
      this.#fail(now, problem);
      return;
    }
    const configuration = applied(parsed, name, loadFor(parsed, hal.board.model.deviceType));
    if (own) saveConfiguration(trust, configuration);
    status.report(name);
    this.#use(configuration, own, false);
  }

  #useLastGood(now: Instant, reason: string): void {
    const configuration = loadConfiguration(this.#phone.trust);
    if (configuration === null) this.#fail(now, reason);
    else this.#use(configuration, true, true);
  }

  #use(configuration: AppliedConfiguration, own: boolean, cached: boolean): void {
    const { hal, boot, facts } = this.#phone;
    facts.configuration = configuration;
    facts.ownConfiguration = own;
    const { name, protocol, load, callManagers, security } = configuration;
    hal.trace.event('config.applied', {
      name,
      signature: 'none',
      encrypted: false,
      protocol,
      load: load ?? boot.load,
      callManagers: callManagers.map(({ host, port, priority }) => ({ host, port, priority })),
      security,
      ...(cached ? { cached } : {}),
    });
    this.#output = { kind: 'done', reason: cached ? 'config.cached' : own ? 'config.own' : 'config.default' };
  }

  /** The whole of the file steps is repeated: a server that was empty may have been filled. */
  #fail(now: Instant, reason: string): void {
    const at = now + this.#phone.hal.tunables['config.retryLoop'] * SECOND;
    this.#output = { kind: 'failed', reason, retry: { at, from: 'ctl-file' } };
  }
}

/** The default file of a cluster that takes no unknown phones says so. */
function defaultFileRefusal(configuration: PhoneConfiguration): string | null {
  return configuration.autoRegistration === false ? 'autoregister.disabled' : null;
}
