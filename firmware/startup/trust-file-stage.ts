import { type Instant, NEVER } from '../../hal/timer.ts';
import { isMalformed } from '../malformed.ts';
import { parseTrustList } from '../phone/trust/trust-list.ts';
import type { FetchResult } from './file-fetcher.ts';
import type { PhoneContext } from './phone-context.ts';
import type { Stage, StageOutput } from './stage.ts';

/** "ITL limit on the phone: 64 KB"; the same bound serves CTL files. */
const MAX_TRUST_LIST = 65_536;

interface TrustFile {
  readonly list: 'ctl' | 'itl';
  readonly stage: 'ctl-file' | 'itl-file';
  /** Asked in this order until one is there. */
  readonly names: (deviceName: string) => readonly string[];
}

const CTL: TrustFile = { list: 'ctl', stage: 'ctl-file', names: (device) => [`CTL${device}.tlv`] };
const ITL: TrustFile = { list: 'itl', stage: 'itl-file', names: (device) => [`ITL${device}.tlv`, 'ITLFile.tlv'] };

/**
 * Steps 6 and 7: the certificate trust list and the initial trust list. Both are optional: on a cluster that is not secure "file not found" is the
 * ordinary answer.
 */
export class TrustFileStage implements Stage {
  readonly name: 'ctl-file' | 'itl-file';
  readonly screenText = 'Updating Trust List';
  readonly #phone: PhoneContext;
  readonly #file: TrustFile;
  #output: StageOutput | null = null;

  static ctl(phone: PhoneContext): TrustFileStage {
    return new TrustFileStage(phone, CTL);
  }

  static itl(phone: PhoneContext): TrustFileStage {
    return new TrustFileStage(phone, ITL);
  }

  constructor(phone: PhoneContext, file: TrustFile) {
    this.#phone = phone;
    this.#file = file;
    this.name = file.stage;
  }

  enter(now: Instant): void {
    const { board } = this.#phone.hal;
    if (this.#file.list === 'itl' && !board.model.itl) {
      this.#output = { kind: 'skipped', reason: 'itl.not-supported' };
      return;
    }
    this.#ask(now, this.#file.names(board.deviceName));
  }

  undo(): void {
    this.#phone.files.cancel();
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
        this.#received(result.octets);
        return;
      case 'not-found':
        if (others.length > 0) this.#ask(now, others);
        else this.#absent(name);
        return;
      case 'timeout':
        this.#phone.status.report('TFTP timeout');
        this.#output = { kind: 'failed', reason: 'tftp.timeout', retry: null };
        return;
      default:
        this.#phone.status.report('TFTP error');
        this.#output = { kind: 'failed', reason: `${list}.${result.outcome}`, retry: null };
        return;
    }
  }

  #absent(name: string): void {
    const { hal, status } = this.#phone;
    const { list } = this.#file;
    status.report(list === 'ctl' ? `File Not Found: ${name}` : 'No Trust List installed');
    hal.trace.event('trust.list', { list, outcome: 'absent' });
    this.#output = { kind: 'skipped', reason: `${list}.not-found` };
  }

  #received(octets: Uint8Array): void {
    const { list } = this.#file;
    const { trace } = this.#phone.hal;
    // Servers that are no call managers often serve empty files for whatever is asked.
    const parsed = parseTrustList(octets);
    if (isMalformed(parsed)) {
      trace.event('trust.list', { list, outcome: 'rejected', reason: parsed.reason });
      this.#output = { kind: 'failed', reason: `${list}.malformed`, retry: null };
      return;
    }
    // Nothing is installed unverified, and this firmware verifies no signatures: the phone goes on as on a cluster without trust lists.
    trace.event('trust.list', {
      list,
      outcome: 'rejected',
      reason: 'signatures of trust lists are not verified by this load',
      signer: parsed.header.signer.subject,
    });
    this.#output = { kind: 'done', reason: `${list}.not-verified` };
  }
}
