import type { KeySlot } from '../../hal/secure.ts';
import { type Instant, NEVER, SECOND } from '../../hal/timer.ts';
import { isProblem, parseConfiguration } from '../phone/config/parse-configuration.ts';
import type { PhoneConfiguration } from '../phone/config/phone-configuration.ts';
import { loadFor } from '../phone/config/phone-configuration.ts';
import {
  type ConfigurationKeys,
  type ConfigurationVerdict,
  configurationNames,
  encryptionStep,
  judgeConfiguration,
} from '../phone/trust/configuration-trust.ts';
import { ENCRYPTED, SIGNED } from '../phone/trust/judge-file.ts';
import { looksSigned } from '../phone/trust/signed-file.ts';
import type { Rejected, VouchedCertificate } from '../phone/trust/verdict.ts';
import { capfSettings } from './capf-settings.ts';
import { type AppliedConfiguration, applied, loadConfiguration, saveConfiguration } from './configuration-memory.ts';
import type { FetchResult } from './file-fetcher.ts';
import type { PhoneContext } from './phone-context.ts';
import type { Stage, StageOutput } from './stage.ts';
import type { TrustFiles } from './trust-file-stage.ts';

/**
 * Step 8: the phone's own configuration file, or the default one for a phone that the cluster does not know yet; when no server answers at all, or the answer
 * cannot be trusted, the last good configuration out of flash, on which SRST depends.
 */
export class ConfigurationStage implements Stage {
  readonly name = 'configuration';
  readonly screenText = 'Configuring CM List';
  readonly #phone: PhoneContext;
  readonly #trust: TrustFiles;
  #output: StageOutput | null = null;
  /** How often a secure profile has found no CTL. */
  #listTries = 0;

  constructor(phone: PhoneContext, trust: TrustFiles) {
    this.#phone = phone;
    this.#trust = trust;
  }

  enter(now: Instant): void {
    const { store } = this.#trust;
    const typed = this.#phone.settings.configurationKey() !== null;
    const state = { signed: store.expectsSignedFiles(), encrypted: store.encrypted, typed };
    this.#ask(now, configurationNames(this.#phone.hal.board.deviceName, state));
  }

  undo(): void {
    this.#phone.files.cancel();
    this.#trust.tvs.cancel();
    this.#phone.facts.configuration = null;
    this.#phone.facts.capf = null;
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

  #ask(now: Instant, names: readonly string[]): void {
    const [name, ...others] = names;
    const { hal, files, facts } = this.#phone;
    const maxSize = hal.tunables['file.maxConfigSize'];
    const { https, store } = this.#trust;
    // Of all files this is the one that is asked for by HTTPS.
    const isOwn = name === `${hal.board.deviceName}.cnf.xml${SIGNED}`;
    const options = isOwn && store.offersHttps() ? { https } : {};
    const answered = (at: Instant, result: FetchResult) => this.#answered(at, name!, others, result);
    files.fetch(now, name!, maxSize, facts.tftpServers, answered, options);
  }

  #answered(now: Instant, name: string, others: readonly string[], result: FetchResult): void {
    const { status } = this.#phone;
    switch (result.outcome) {
      case 'received':
        // "Wants the bare XML back": a server that TLS has shown to be the cluster's vouches for what it says.
        if (result.via === 'https' && !looksSigned(result.octets)) {
          this.#received(now, name, result.octets, 'tls');
        } else this.#judge(now, name, result.octets, null);
        return;
      case 'not-found':
        status.report(`File Not Found: ${name}`);
        if (others.length > 0) this.#ask(now, others);
        else this.#fail(now, 'config.not-found');
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

  #judge(now: Instant, name: string, octets: Uint8Array, vouched: VouchedCertificate | null): void {
    const verdict: ConfigurationVerdict = judgeConfiguration(
      name,
      octets,
      this.#trust.store.context(vouched),
      this.#keys(),
    );
    switch (verdict.outcome) {
      case 'verified':
      case 'unsigned':
        this.#received(now, name, verdict.payload, verdict.outcome === 'verified' ? 'signature' : null);
        return;
      case 'rejected':
        this.#refused(now, name, verdict);
        return;
      case 'ask-tvs':
        this.#trust.tvs.ask(now, verdict.signer, (at, answer) => {
          if (answer !== null) this.#judge(at, name, octets, answer);
          else this.#refused(at, name, { reason: 'signer-unknown', detail: 'Nobody vouches for its signer.' });
        });
        return;
    }
  }

  /** "The file is dropped without being written": the phone goes on with what it had. */
  #refused(now: Instant, name: string, { reason, detail }: Pick<Rejected, 'reason' | 'detail'>): void {
    this.#phone.hal.trace.debug(`${name}: ${detail}`);
    this.#phone.status.report('Auth Fail');
    this.#useLastGood(now, `trust.${reason}`);
  }

  /** @param by what has shown whose file it is */
  #received(now: Instant, name: string, octets: Uint8Array, by: 'signature' | 'tls' | null): void {
    const { hal, boot, trust, status } = this.#phone;
    const parsed = parseConfiguration(octets);
    if (isProblem(parsed)) {
      hal.trace.debug(`${name}: ${parsed.problem}`);
      status.report('Error parsing config file');
      this.#useLastGood(now, 'config.malformed');
      return;
    }
    for (const remark of parsed.remarks) hal.trace.debug(`${name}: ${remark}`);
    const own = parsed.root === 'device';
    if (!own && parsed.autoRegistration === false && !hal.board.model.autoRegistration.triesWhenDisabled) {
      // The default file of a cluster that takes no unknown phones says so.
      this.#fail(now, 'autoregister.disabled');
      return;
    }
    this.#phone.facts.capf = own ? capfSettings(parsed) : null;
    if (own && this.#needsAnother(now, name, parsed, by !== null)) return;
    const read = applied(parsed, name, loadFor(parsed, hal.board.model.deviceType), boot.protocol);
    const configuration = by === null && name.endsWith(SIGNED) ? { ...read, unverified: true as const } : read;
    if (own) saveConfiguration(trust, configuration);
    status.report(name);
    this.#use(configuration, own, false, by === 'tls');
    if (configuration.security !== 'none') this.#askForList(now);
  }

  /**
   * Notes whether the next file is to be asked for encrypted. True when this one is only its forerunner, which has no call managers: the phone
   * then asks for the encrypted one, at once where it has just learned of it.
   */
  #needsAnother(now: Instant, name: string, configuration: PhoneConfiguration, authentic: boolean): boolean {
    const { store } = this.#trust;
    if (name.endsWith(ENCRYPTED)) return false;
    const { secure } = this.#phone.hal;
    const step = encryptionStep(configuration, secure.ownCertificate(this.#ownKey()), secure);
    this.#trust.encryption = step;
    const known = store.encrypted;
    store.encrypted = authentic && step === 'encrypted';
    if (configuration.fullConfig) return false;
    if (store.encrypted && !known) {
      this.#output = { kind: 'failed', reason: 'config.encrypted', retry: { at: now, from: 'ctl-file' } };
      return true;
    }
    this.#useLastGood(now, step === 'enrol' || step === 'wait' ? `capf.${step}` : 'config.partial');
    return true;
  }

  #keys(): ConfigurationKeys {
    const { settings, hal } = this.#phone;
    const typedSignature = hal.tunables['trust.typedKeySignature'] === 'verified' ? 'verified' : 'ignored';
    return { slot: this.#ownKey(), typed: settings.configurationKey(), typedSignature };
  }

  #ownKey(): KeySlot {
    return this.#phone.hal.secure.ownCertificate('lsc') === null ? 'mic' : 'lsc';
  }

  #useLastGood(now: Instant, reason: string): void {
    const configuration = loadConfiguration(this.#phone.trust);
    if (configuration === null) {
      this.#fail(now, reason);
      return;
    }
    this.#phone.facts.capf ??= configuration.capf ?? null;
    this.#use(configuration, true, true);
  }

  #use(configuration: AppliedConfiguration, own: boolean, cached: boolean, isBare = false): void {
    const { hal, boot, facts } = this.#phone;
    facts.configuration = configuration;
    facts.ownConfiguration = own;
    const { name, protocol, load, callManagers, security } = configuration;
    hal.trace.event('config.applied', {
      name,
      // A file is asked for by these names only, and used only when what they promise has been verified.
      signature: name.endsWith(SIGNED) && configuration.unverified !== true ? 'verified' : 'none',
      encrypted: name.endsWith(ENCRYPTED),
      protocol,
      load: load ?? boot.load,
      callManagers: callManagers.map(({ host, port, priority }) => ({ host, port, priority })),
      security,
      ...(isBare ? { authenticatedBy: 'tls' as const } : {}),
      ...(cached ? { cached } : {}),
    });
    this.#output = { kind: 'done', reason: cached ? 'config.cached' : own ? 'config.own' : 'config.default' };
  }

  /** "A phone set to authenticated or encrypted without a CTL tries four times to get one." */
  #askForList(now: Instant): void {
    const { 'trust.listTries': tries, 'trust.listWait': wait } = this.#phone.hal.tunables;
    this.#listTries++;
    const isEnough = tries !== 0 && this.#listTries >= tries;
    if (isEnough || this.#trust.store.installed().ctl !== null) this.#listTries = 0;
    else this.#output = { kind: 'failed', reason: 'ctl.absent', retry: { at: now + wait * SECOND, from: 'ctl-file' } };
  }

  /** The whole of the file steps is repeated: a server that was empty may have been filled. */
  #fail(now: Instant, reason: string): void {
    const at = now + this.#phone.hal.tunables['config.retryLoop'] * SECOND;
    this.#output = { kind: 'failed', reason, retry: { at, from: 'ctl-file' } };
  }
}
