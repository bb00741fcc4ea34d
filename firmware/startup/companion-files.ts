import type { Instant } from '../../hal/timer.ts';
import {
  type Companion,
  type CompanionKind,
  companionsOf,
  listsOf,
  MAX_COMPANION,
  MAX_KEPT,
  MAX_KEPT_TOTAL,
  ringOf,
} from '../phone/companion-files.ts';
import type { PhonePolicy } from '../phone/config/phone-policy.ts';
import { parseRingList } from '../phone/ring-list.ts';
import { judgeSignedFile, SIGNED } from '../phone/trust/judge-file.ts';
import type { FetchResult } from './file-fetcher.ts';
import type { PhoneContext } from './phone-context.ts';
import type { TrustFiles } from './trust-file-stage.ts';

/** Where they stand in the trust region. */
const KEY = 'kept/';

type Done = (now: Instant) => void;

/** Fetches the files that belong to a configuration, one after the other, checks and keeps them. Whatever comes of it, the phone goes on. */
export class CompanionFiles {
  readonly #phone: PhoneContext;
  readonly #trust: TrustFiles;
  #queue: Companion[] = [];
  #done: Done | null = null;

  constructor(phone: PhoneContext, trust: TrustFiles) {
    this.#phone = phone;
    this.#trust = trust;
  }

  get busy(): boolean {
    return this.#done !== null;
  }

  /** Everything that the configuration asks for. `done` may be called before this returns. */
  fetchFor(now: Instant, policy: PhonePolicy, done: Done): void {
    const { hal, boot } = this.#phone;
    const { model } = hal.board;
    const protocol = boot.protocol ?? 'sccp';
    const lists = hal.tunables['files.ringLists'] === 'at-start' ? listsOf(model) : [];
    this.#fetch(now, [...companionsOf(model, protocol, policy), ...lists], done);
  }

  /** The user looks for a ring: the list now, and the ring that is set. False while other files are on their way. */
  fetchLists(now: Instant, done: Done): boolean {
    if (this.busy || this.#phone.files.busy || this.#phone.facts.tftpServers.length === 0) return false;
    this.#fetch(now, listsOf(this.#phone.hal.board.model), done);
    return true;
  }

  /** Kept octets of a kind; null when there are none. */
  kept(kind: CompanionKind): Uint8Array | null {
    return this.#phone.trust.get(KEY + kind);
  }

  cancel(): void {
    if (this.#done !== null) this.#phone.files.cancel();
    this.#queue = [];
    this.#done = null;
  }

  #fetch(now: Instant, companions: readonly Companion[], done: Done): void {
    this.#queue = [...companions];
    this.#done = done;
    this.#next(now);
  }

  #next(now: Instant): void {
    const companion = this.#queue.shift();
    if (companion !== undefined) {
      this.#ask(now, companion, companion.names);
      return;
    }
    const done = this.#done;
    this.#done = null;
    done?.(now);
  }

  #ask(now: Instant, companion: Companion, names: readonly string[]): void {
    const [plain, ...others] = names;
    const name = companion.signed && this.#trust.store.expectsSignedFiles() ? plain! + SIGNED : plain!;
    const { files, facts } = this.#phone;
    files.fetch(now, name, MAX_COMPANION, facts.tftpServers, (at, result) => {
      if (result.outcome === 'not-found' && others.length > 0) this.#ask(at, companion, others);
      else this.#answered(at, companion, name, result);
    });
  }

  #answered(now: Instant, companion: Companion, name: string, result: FetchResult): void {
    if (result.outcome === 'received') {
      this.#received(companion, name, result.octets);
    } else {
      this.#absent(companion, name, result.outcome);
      // A server that has fallen silent keeps nobody from registering for every one of these files.
      if (result.outcome === 'timeout') this.#queue = [];
    }
    this.#next(now);
  }

  #received(companion: Companion, name: string, octets: Uint8Array): void {
    const { trust } = this.#phone;
    const payload = this.#payload(name, octets);
    const problem = payload === null ? 'its signature is not good' : companion.problem(payload);
    if (payload === null || problem !== null) {
      this.#tell(companion, name, 'rejected', problem ?? '');
      return;
    }
    if (companion.kind === 'ring-list') this.#addRing(payload);
    const before = this.kept(companion.kind);
    const others = this.#total() - (before?.length ?? 0);
    if (payload.length > MAX_KEPT || others + payload.length > MAX_KEPT_TOTAL) {
      this.#tell(companion, name, 'not-kept', `${payload.length} octets are too many`);
      return;
    }
    const unchanged = before !== null && before.length === payload.length && before.every((o, i) => o === payload[i]);
    const refused = unchanged ? null : trust.set(KEY + companion.kind, payload);
    if (refused !== null) this.#tell(companion, name, 'not-kept', refused);
    else this.#tell(companion, name, unchanged ? 'unchanged' : 'kept');
  }

  /** What stands in the file once its signature, if it should have one, is verified; null when it is not good. */
  #payload(name: string, octets: Uint8Array): Uint8Array | null {
    if (!name.endsWith(SIGNED)) return octets;
    const verdict = judgeSignedFile(name, octets, this.#trust.store.context(null));
    return verdict.outcome === 'verified' ? verdict.payload : null;
  }

  /** The ring that the user has chosen, when the list names it. */
  #addRing(list: Uint8Array): void {
    const chosen = this.#phone.settings.get('ringTone');
    const ring = parseRingList(list)?.find(({ displayName }) => displayName === chosen);
    if (ring !== undefined) this.#queue.unshift(ringOf(ring.fileName));
  }

  #total(): number {
    const { trust } = this.#phone;
    return trust.keys(KEY).reduce((sum, key) => sum + (trust.get(key)?.length ?? 0), 0);
  }

  #absent(companion: Companion, name: string, outcome: string): void {
    this.#tell(companion, name, 'absent', outcome);
    if (companion.kind === 'tones' || companion.kind === 'dictionary') this.#phone.status.report('Error update locale');
  }

  #tell(
    companion: Companion,
    name: string,
    outcome: 'kept' | 'unchanged' | 'not-kept' | 'rejected' | 'absent',
    reason = '',
  ): void {
    const { kind } = companion;
    if (outcome === 'rejected' && (kind === 'tones' || kind === 'dictionary')) {
      this.#phone.status.report('Error update locale');
    }
    this.#phone.hal.trace.event('file.kept', { name, kind, outcome, ...(reason === '' ? {} : { reason }) });
  }
}
