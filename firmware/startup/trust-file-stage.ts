import { type Instant, NEVER } from '../../hal/timer.ts';
import type { EncryptionStep } from '../phone/trust/configuration-trust.ts';
import type { ListKind } from '../phone/trust/judge-list.ts';
import { type ListArrival, type ListsRound, statusOfRound, type TrustStore } from '../phone/trust/trust-store.ts';
import type { Rejected } from '../phone/trust/verdict.ts';
import type { OpenSecurely } from './download.ts';
import type { FetchResult } from './file-fetcher.ts';
import type { PhoneContext } from './phone-context.ts';
import type { Stage, StageOutput } from './stage.ts';
import type { TvsQuery } from './tvs-query.ts';

/** "ITL limit on the phone: 64 KB"; the same bound serves CTL files. */
const MAX_TRUST_LIST = 65_536;

interface TrustFile {
  readonly list: ListKind;
  readonly stage: 'ctl-file' | 'itl-file';
  /** Asked in this order until one is there. */
  readonly names: (deviceName: string) => readonly string[];
}

const CTL: TrustFile = { list: 'ctl', stage: 'ctl-file', names: (device) => [`CTL${device}.tlv`] };
const ITL: TrustFile = { list: 'itl', stage: 'itl-file', names: (device) => [`ITL${device}.tlv`, 'ITLFile.tlv'] };

/** What both stages of the trust lists share. */
export interface TrustFiles {
  readonly store: TrustStore;
  readonly tvs: TvsQuery;
  /** Opens TLS to a server that may hand out files. */
  readonly https: OpenSecurely;
  /** What has become of each list since the CTL was last asked for. */
  round: ListsRound;
  /** What the last configuration file asked of the phone's certificate: `enrol` calls for CAPF. */
  encryption: EncryptionStep;
}

const NEW_ROUND: ListsRound = Object.freeze({ ctl: null, itl: null });

/**
 * Steps 6 and 7: the certificate trust list and the initial trust list. Both are optional: on a cluster that is not secure "file not found" is the
 * ordinary answer. Whatever comes, the boot goes on, with the new list or with the old one.
 */
export class TrustFileStage implements Stage {
  readonly name: 'ctl-file' | 'itl-file';
  readonly screenText = 'Updating Trust List';
  readonly #phone: PhoneContext;
  readonly #trust: TrustFiles;
  readonly #file: TrustFile;
  #output: StageOutput | null = null;

  static ctl(phone: PhoneContext, trust: TrustFiles): TrustFileStage {
    return new TrustFileStage(phone, trust, CTL);
  }

  static itl(phone: PhoneContext, trust: TrustFiles): TrustFileStage {
    return new TrustFileStage(phone, trust, ITL);
  }

  constructor(phone: PhoneContext, trust: TrustFiles, file: TrustFile) {
    this.#phone = phone;
    this.#trust = trust;
    this.#file = file;
    this.name = file.stage;
  }

  enter(now: Instant): void {
    const { board } = this.#phone.hal;
    if (this.#file.list === 'ctl') {
      this.#trust.round = NEW_ROUND;
      this.#trust.store.hold();
    }
    if (this.#file.list === 'itl' && !board.model.itl) {
      this.#settle(null, { kind: 'skipped', reason: 'itl.not-supported' });
      return;
    }
    this.#ask(now, this.#file.names(board.deviceName));
  }

  undo(): void {
    this.#phone.files.cancel();
    this.#trust.tvs.cancel();
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
    const { files, facts } = this.#phone;
    files.fetch(now, name!, MAX_TRUST_LIST, facts.tftpServers, (at, result) =>
      this.#answered(at, name!, others, result),
    );
  }

  #answered(now: Instant, name: string, others: readonly string[], result: FetchResult): void {
    const { list } = this.#file;
    switch (result.outcome) {
      case 'received':
        this.#received(now, name, result.octets);
        return;
      case 'not-found':
        if (others.length > 0) this.#ask(now, others);
        else this.#absent(name);
        return;
      case 'timeout':
        this.#phone.status.report('TFTP timeout');
        this.#settle(null, { kind: 'failed', reason: 'tftp.timeout', retry: null });
        return;
      default:
        this.#phone.status.report('TFTP error');
        this.#settle(null, { kind: 'failed', reason: `${list}.${result.outcome}`, retry: null });
        return;
    }
  }

  #received(now: Instant, name: string, octets: Uint8Array): void {
    const { store, tvs } = this.#trust;
    const arrival = store.arrived(this.#file.list, octets);
    if (arrival.outcome !== 'ask-tvs') {
      this.#arrived(name, arrival);
      return;
    }
    tvs.ask(now, arrival.signer, (_at, vouched) => {
      const answered = vouched === null ? arrival : store.arrived(this.#file.list, octets, vouched);
      this.#arrived(name, answered);
    });
  }

  #arrived(name: string, arrival: ListArrival): void {
    const { trace } = this.#phone.hal;
    const { list } = this.#file;
    switch (arrival.outcome) {
      case 'absent':
        this.#absent(name);
        return;
      case 'rejected':
        this.#rejected(arrival);
        return;
      case 'ask-tvs': {
        const detail = 'The signer is in no installed trust list, and no trust verification service vouches for it.';
        this.#rejected({ outcome: 'rejected', reason: 'signer-unknown', detail, signer: arrival.signer });
        return;
      }
      case 'unchanged':
        trace.event('trust.list', { list, outcome: 'unchanged', signer: arrival.signer.subject });
        break;
      default: {
        const { outcome, signer, onTrust } = arrival;
        const reason = onTrust ? { reason: 'first-use' } : {};
        trace.event('trust.list', { list, outcome, signer: signer.subject, ...reason });
      }
    }
    this.#settle(arrival.outcome, { kind: 'done', reason: `${list}.${arrival.outcome}` });
  }

  #absent(name: string): void {
    const { hal, status } = this.#phone;
    const { list } = this.#file;
    if (list === 'ctl') status.report(`File Not Found: ${name}`);
    hal.trace.event('trust.list', { list, outcome: 'absent' });
    this.#settle('absent', { kind: 'skipped', reason: `${list}.not-found` });
  }

  /** The installed list stays, and what it does not vouch for is refused further on. */
  #rejected({ reason, detail, signer }: Rejected): void {
    const { hal, status } = this.#phone;
    const { list } = this.#file;
    hal.trace.debug(`${list}: ${detail}`);
    const by = signer === null ? {} : { signer: signer.subject };
    hal.trace.event('trust.list', { list, outcome: 'rejected', reason, ...by });
    if (list === 'ctl') status.report('CTL update failed');
    this.#settle('rejected', { kind: 'failed', reason: `trust.${reason}`, retry: null });
  }

  /** After the second list the status menu says what has become of both. */
  #settle(outcome: ListArrival['outcome'] | null, output: StageOutput): void {
    const trust = this.#trust;
    trust.round = { ...trust.round, [this.#file.list]: outcome };
    this.#output = output;
    if (this.#file.list !== 'itl') return;
    for (const message of statusOfRound(trust.round, trust.store.installed())) this.#phone.status.report(message);
  }
}
