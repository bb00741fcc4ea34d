/** Whether a trust list that arrived may replace what is installed. */
import { Malformed } from '../../malformed.ts';
import { type InstalledLists, isRollbackList } from './installed-lists.ts';
import { parseTrustList, type TrustList } from './trust-list.ts';
import { type ListVerdict, type Rejected, rejected, type TrustContext } from './verdict.ts';
import { verifyBySelf, verifySignature } from './verify-signature.ts';

export type ListKind = 'ctl' | 'itl';

/** The name within is the same for all phones, though each asks for the list by a name of its own. */
export const LIST_NAMES: Readonly<Record<ListKind, string>> = Object.freeze({ ctl: 'CTLFile.tlv', itl: 'ITLFile.tlv' });

/**
 * The rules of "Security by Default": with nothing installed the first list is taken on trust, provided that it is signed by a token of its own; from
 * then on a list counts when a security token (SAST) of an installed list has signed it, or one that TVS vouches for.
 */
export function judgeTrustList(kind: ListKind, octets: Uint8Array, context: TrustContext): ListVerdict {
  const list = parseTrustList(octets);
  if (octets.length === 0) return rejected('empty-file', 'The file is empty.');
  if (list instanceof Malformed) return rejected('malformed', `${list.protocol}: ${list.reason}.`);
  const { signer, filename } = list.header;
  if (filename !== LIST_NAMES[kind]) {
    return rejected('wrong-name', `The file calls itself ${filename}, not ${LIST_NAMES[kind]}.`, signer);
  }
  if (isFirstUse(context.installed)) {
    const verdict = verifyBySelf(octets, list.header, ownLists(kind, list), context.crypto);
    return verdict.outcome === 'verified' ? { outcome: 'first-use', signer, list } : verdict;
  }
  const verdict = verifySignature(octets, list.header, 'SAST', context);
  if (verdict.outcome === 'verified') return replayed(kind, list, context) ?? { outcome: 'verified', signer, list };
  if (!isAfterRollback(kind, context.installed) || !isUnknownSigner(verdict)) return verdict;
  const own = verifyBySelf(octets, list.header, ownLists(kind, list), context.crypto);
  return own.outcome === 'verified' ? { outcome: 'first-use', signer, list } : own;
}

/** Without any list the first of each kind is taken; a CTL that comes when an ITL is there already is not a first one. */
function isFirstUse({ ctl, itl }: InstalledLists): boolean {
  return ctl === null && itl === null;
}

/** A rollback list makes the phone take any ITL after it. It does not weaken a CTL. */
function isAfterRollback(kind: ListKind, { ctl, itl }: InstalledLists): boolean {
  return kind === 'itl' && ctl === null && itl !== null && isRollbackList(itl);
}

function isUnknownSigner(verdict: Exclude<ReturnType<typeof verifySignature>, { outcome: 'verified' }>): boolean {
  return verdict.outcome === 'ask-tvs' || verdict.reason === 'signer-unknown';
}

function ownLists(kind: ListKind, list: TrustList): InstalledLists {
  return kind === 'ctl' ? { ctl: list, itl: null } : { ctl: null, itl: list };
}

/** Whoever can answer for the server can send a list that was good once, with a certificate in it that has been taken back since. */
function replayed(kind: ListKind, list: TrustList, context: TrustContext): Rejected | null {
  const installed = context.installed[kind]?.header.timestamp ?? null;
  const { timestamp, signer } = list.header;
  if (context.olderList === 'accepted' || installed === null || timestamp === null || timestamp >= installed)
    return null;
  return rejected('older-list', `Signed ${installed - timestamp} s before the list that is installed.`, signer);
}
