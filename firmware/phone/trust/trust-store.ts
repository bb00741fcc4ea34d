/**
 * The trust lists in flash, and what becomes of them when a file arrives. A phone that starts looks at them a dozen times and holds them so long;
 * later they are read when somebody needs them: two lists of ten kilobytes would be the largest thing that a registered phone has.
 */
import { sameOctets } from '../../../storage/ascii.ts';
import type { RecordStore } from '../../../storage/record-store.ts';
import { Malformed } from '../../malformed.ts';
import { expectsSignedFiles, type InstalledLists, isRollbackList, offersHttps } from './installed-lists.ts';
import { judgeTrustList, type ListKind } from './judge-list.ts';
import type { CertificateName } from './signed-file.ts';
import { parseTrustList, type TrustList } from './trust-list.ts';
import {
  type AskTvs,
  type Rejected,
  rejected,
  type TrustContext,
  type TrustCrypto,
  type VouchedCertificate,
} from './verdict.ts';

/** Keys in the trust region. One key, one write: after a power cut a list is the old one or the new one. */
const KEYS: Readonly<Record<ListKind, string>> = Object.freeze({ ctl: 'list/ctl', itl: 'list/itl' });
const LISTS: readonly ListKind[] = Object.freeze(['ctl', 'itl']);
/** There when the last configuration said that the next one is to be asked for encrypted. */
const ENCRYPTED_KEY = 'state/encrypted';

export type ListArrival =
  /** `installed` where there was none of its kind, `updated` in place of an older one, `cleared` by a rollback list. */
  | {
      readonly outcome: 'installed' | 'updated' | 'cleared';
      readonly signer: CertificateName;
      /** Nothing could verify it. */
      readonly onTrust: boolean;
    }
  | { readonly outcome: 'unchanged'; readonly signer: CertificateName }
  | { readonly outcome: 'absent' }
  | AskTvs
  | Rejected;

export class TrustStore {
  readonly #store: RecordStore;
  readonly #crypto: TrustCrypto;
  readonly #olderList: TrustContext['olderList'];
  #isHolding = false;
  #held: InstalledLists | null = null;

  /** @param store the open trust region. */
  constructor(store: RecordStore, crypto: TrustCrypto, olderList: TrustContext['olderList']) {
    this.#store = store;
    this.#crypto = crypto;
    this.#olderList = olderList;
  }

  installed(): InstalledLists {
    const lists = this.#held ?? { ctl: this.#list('ctl'), itl: this.#list('itl') };
    if (this.#isHolding) this.#held = lists;
    return lists;
  }

  /** From now on the lists are read once and kept in memory, until `release`. */
  hold(): void {
    this.#isHolding = true;
  }

  release(): void {
    this.#isHolding = false;
    this.#held = null;
  }

  /** Whether configurations are asked for with `.sgn`. */
  expectsSignedFiles(): boolean {
    return expectsSignedFiles(this.installed());
  }

  /** Whether the phone's own configuration is asked for by HTTPS first. */
  offersHttps(): boolean {
    return offersHttps(this.installed());
  }

  /** What files are judged against. */
  context(vouched: VouchedCertificate | null = null): TrustContext {
    return { crypto: this.#crypto, installed: this.installed(), vouched, olderList: this.#olderList };
  }

  /** A list has been received. It is stored if it is good, and nothing changes if it is not. */
  arrived(kind: ListKind, octets: Uint8Array, vouched: VouchedCertificate | null = null): ListArrival {
    // Servers that are no call managers often serve empty files for whatever is asked.
    if (octets.length === 0) return { outcome: 'absent' };
    const context = this.context(vouched);
    const before = this.#store.get(KEYS[kind]);
    const installed = context.installed[kind];
    if (before !== null && installed !== null && sameOctets(before, octets)) {
      return { outcome: 'unchanged', signer: installed.header.signer };
    }
    const verdict = judgeTrustList(kind, octets, context);
    if (verdict.outcome === 'rejected' || verdict.outcome === 'ask-tvs') return verdict;
    const { signer, list } = verdict;
    this.#held = null;
    const problem = this.#store.set(KEYS[kind], octets);
    if (problem !== null) return rejected('storage-full', problem, signer);
    const onTrust = verdict.outcome === 'first-use';
    if (kind === 'itl' && installed !== null && isRollbackList(list)) return { outcome: 'cleared', signer, onTrust };
    return { outcome: installed === null ? 'installed' : 'updated', signer, onTrust };
  }

  /** Takes both lists away, on the user's or the administrator's wish; the next ones are taken on trust. Returns which there were. */
  erase(): readonly ListKind[] {
    const erased = LISTS.filter((list) => this.#store.get(KEYS[list]) !== null);
    this.#held = null;
    this.#store.clear('list/');
    this.#store.delete(ENCRYPTED_KEY);
    return erased;
  }

  /** Whether the configuration is to be asked for encrypted. */
  get encrypted(): boolean {
    return this.#store.get(ENCRYPTED_KEY) !== null;
  }

  set encrypted(encrypted: boolean) {
    if (encrypted) this.#store.set(ENCRYPTED_KEY, Uint8Array.of(1));
    else this.#store.delete(ENCRYPTED_KEY);
  }

  #list(kind: ListKind): TrustList | null {
    const octets = this.#store.get(KEYS[kind]);
    const list = octets === null ? null : parseTrustList(octets);
    return list instanceof Malformed ? null : list;
  }
}

/** How a round of asking for both lists went. Null: nobody could be asked. */
export type ListsRound = Readonly<Record<ListKind, ListArrival['outcome'] | null>>;

/** What the status menu says when both lists have been asked for. */
export function statusOfRound({ ctl, itl }: ListsRound, { ctl: hasCtl, itl: hasItl }: InstalledLists): string[] {
  const failed = (outcome: ListsRound[ListKind]) => outcome === 'rejected' || outcome === 'ask-tvs';
  const changed = (outcome: ListsRound[ListKind]) => outcome === 'updated' || outcome === 'cleared';
  const messages: string[] = [];
  if (ctl === 'installed' && itl === 'installed') messages.push('CTL and ITL installed');
  else if (ctl === 'installed') messages.push('CTL Installed');
  else if (itl === 'installed') messages.push('ITL installed');
  if (changed(ctl) || changed(itl)) messages.push('Trust List Updated');
  if (failed(ctl) || failed(itl)) messages.push('Trust List Update Failed');
  if (hasCtl === null && hasItl === null) messages.push('No Trust List installed');
  return messages;
}
