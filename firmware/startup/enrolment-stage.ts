import { earlier, type Instant, NEVER } from '../../hal/timer.ts';
import type { CapfCredential, CapfResult } from '../protocols/capf.ts';
import { CapfConnection } from './capf-connection.ts';
import type { CapfSettings } from './capf-settings.ts';
import type { PhoneContext } from './phone-context.ts';
import type { SecureConnections } from './secure-connection.ts';
import type { Stage, StageOutput } from './stage.ts';
import type { TrustFiles } from './trust-file-stage.ts';
import type { TvsConnection } from './tvs-connection.ts';

/** What an enrolment is made with. */
export interface EnrolmentParts {
  readonly trust: TrustFiles;
  readonly connections: SecureConnections;
  readonly tvs: TvsConnection;
  /** Unregisters and starts anew: a new certificate counts from then on. */
  readonly reset: (now: Instant) => void;
}

/**
 * Behind step 8: the phone's locally significant certificate, where the configuration asks for one. A phone with a secure profile "does not register until the CAPF
 * session ends", so the answer of the step is held back meanwhile; any other registers first, enrols then, and starts anew with what it has got.
 */
export class EnrolmentStage implements Stage {
  readonly name: Stage['name'];
  readonly screenText: string | null;
  readonly #phone: PhoneContext;
  readonly #configuration: Stage;
  readonly #parts: EnrolmentParts;
  /** Made when a configuration first asks for it: most phones never enrol. */
  #capf: CapfConnection | null = null;
  /** The answer of the step, while the phone enrols before it registers. */
  #answer: StageOutput | null = null;
  #outputs: StageOutput[] = [];
  /** CAPF has been asked since the configuration was read. */
  #asked = false;
  /** The file that was for another certificate has been asked for again, once since power-on: a server that does not learn is not asked for ever. */
  #renewed = false;
  /** When CAPF wanted to be asked again, of a phone that is registered. */
  #againAt: Instant = NEVER;

  constructor(phone: PhoneContext, configuration: Stage, parts: EnrolmentParts) {
    this.name = configuration.name;
    this.screenText = configuration.screenText;
    this.#phone = phone;
    this.#configuration = configuration;
    this.#parts = parts;
  }

  enter(now: Instant): void {
    this.#giveUp(now);
    this.#configuration.enter(now);
  }

  undo(now: Instant): void {
    this.#giveUp(now);
    this.#configuration.undo(now);
  }

  /** The call manager has taken the phone. */
  registered(now: Instant): void {
    if (this.#asked) return;
    const settings = this.#phone.facts.capf;
    const credential = settings === null ? null : this.#credential(settings);
    if (settings === null || credential === null) return;
    this.#ask(now, settings, credential, (at, result) => this.#endedRegistered(at, result));
  }

  /**
   * A person has typed the authentication string.
   * @returns null, or a sentence saying why nothing is done with it
   */
  update(now: Instant, text: string): string | null {
    const settings = this.#phone.facts.capf;
    if (settings === null) return 'No CAPF operation is configured';
    if (this.#capf?.busy) return 'An update is in progress';
    this.#ask(now, settings, { kind: 'string', text }, (at, result) => this.#endedRegistered(at, result));
    return null;
  }

  dispatch(now: Instant, emit: (output: StageOutput) => void): void {
    if (this.#configuration.pollAt() <= now) {
      this.#configuration.dispatch(now, (output) => {
        if (!this.#begin(now, output)) emit(output);
      });
    }
    if (now >= this.#againAt) {
      this.#againAt = NEVER;
      this.#asked = false;
      this.registered(now);
    }
    if (this.#capf !== null && this.#capf.pollAt() <= now) this.#capf.dispatch(now);
    if (this.#outputs.length === 0) return;
    const outputs = this.#outputs;
    this.#outputs = [];
    for (const output of outputs) emit(output);
  }

  pollAt(): Instant {
    if (this.#outputs.length > 0) return 0;
    return earlier(earlier(this.#configuration.pollAt(), this.#againAt), this.#capf?.pollAt() ?? NEVER);
  }

  /** The file is for a key that the phone does not have. */
  #isUnreadable(): boolean {
    const { encryption } = this.#parts.trust;
    return encryption === 'enrol' || encryption === 'wait';
  }

  /** True when the answer has to wait for CAPF. */
  #begin(now: Instant, answer: StageOutput): boolean {
    const settings = this.#phone.facts.capf;
    if (settings === null || this.#asked) return false;
    const isSecure = (this.#phone.facts.configuration?.security ?? 'none') !== 'none';
    if (!this.#isUnreadable() && (answer.kind !== 'done' || !isSecure)) return false;
    const credential = this.#credential(settings);
    if (credential === null) return false;
    this.#answer = answer;
    this.#ask(now, settings, credential, (_at, result) => this.#endedBefore(result));
    return true;
  }

  /** Null for a phone that has nothing to show: a string that nobody has given it yet, or a certificate, which it says, for then the operation fails. */
  #credential({ mode }: CapfSettings): CapfCredential | null {
    const { hal, settings } = this.#phone;
    if (mode === 'null-string') return { kind: 'string', text: '' };
    if (mode === 'typed') {
      const text = settings.get('capfString');
      return text === null ? null : { kind: 'string', text };
    }
    const mic = hal.secure.ownCertificate('mic');
    const lsc = hal.secure.ownCertificate('lsc');
    const order = mode === 'lsc-first' ? (['lsc', 'mic'] as const) : (['mic', 'lsc'] as const);
    const slot = order.find((one) => (one === 'lsc' ? lsc : mic) !== null);
    if (slot === undefined) {
      this.#phone.status.report('LSC: No certificate');
      return null;
    }
    const certificate = slot === 'lsc' ? lsc! : mic!;
    return { kind: 'certificate', slot, certificate, sudi: hal.tunables['capf.sudi'] === 'never' ? null : mic };
  }

  #ask(
    now: Instant,
    { servers }: CapfSettings,
    credential: CapfCredential,
    ended: (now: Instant, result: CapfResult) => void,
  ): void {
    this.#asked = true;
    this.#againAt = NEVER;
    this.#capf ??= new CapfConnection(this.#phone, this.#parts.connections, this.#parts.tvs);
    this.#capf.run(now, servers, credential, (at, result) => {
      this.#tell(result);
      ended(at, result);
    });
  }

  #tell({ outcome, reason, server }: CapfResult): void {
    const { hal, status, settings } = this.#phone;
    hal.trace.event('capf', { host: server.host, port: server.port, outcome, reason });
    const message = MESSAGES[outcome];
    if (message !== null) status.report(message);
    // A string is good for one operation.
    if (outcome === 'installed' || outcome === 'deleted') settings.set('capfString', '');
  }

  #endedBefore({ outcome, wait }: CapfResult): void {
    const now = this.#phone.hal.timer.now();
    const answer = this.#answer!;
    this.#answer = null;
    if (outcome === 'later') {
      this.#outputs.push(again(now + wait, 'capf.retry-later', 'configuration'));
    } else if (this.#isUnreadable() && !this.#renewed && LEARNED.includes(outcome)) {
      // The server has the phone's key now, so there is a file that it can read.
      this.#renewed = true;
      this.#outputs.push(again(now, 'capf.enrolled', 'ctl-file'));
    } else this.#outputs.push(answer);
  }

  #endedRegistered(now: Instant, { outcome, wait }: CapfResult): void {
    if (outcome === 'installed' || outcome === 'deleted') this.#parts.reset(now);
    else if (outcome === 'later') this.#againAt = now + wait;
  }

  #giveUp(now: Instant): void {
    this.#capf?.cancel(now);
    this.#answer = null;
    this.#outputs = [];
    this.#asked = false;
    this.#againAt = NEVER;
  }
}

/** After these the server has seen the phone's certificate. */
const LEARNED: readonly CapfResult['outcome'][] = Object.freeze(['installed', 'fetched'] as const);

/**
 * What the status menu says. The guides give the LSC item's own words, Installed and Not Installed, and none for the rest: those are ours.
 */
const MESSAGES: Readonly<Record<CapfResult['outcome'], string | null>> = Object.freeze({
  installed: 'LSC: Installed',
  deleted: 'LSC: Not Installed',
  fetched: null,
  none: null,
  declined: 'LSC: Update declined',
  later: 'LSC: Retry later',
  failed: 'LSC: Update failed',
});

function again(at: Instant, reason: string, from: 'configuration' | 'ctl-file'): StageOutput {
  return { kind: 'failed', reason, retry: { at, from } };
}
