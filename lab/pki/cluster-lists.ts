import type { Ipv4 } from '../../hal/nic.ts';
import type { DigestAlgorithm } from '../../hal/secure.ts';
import type { Identity, LabPki } from './lab-pki.ts';
import { type ListRecord, writeTrustList } from './trust-list-writer.ts';

/** A call manager as trust lists name it. */
export interface ClusterNode {
  readonly host: string;
  readonly address: Ipv4;
}

/**
 * `mixed`: phones may be secure. `non-secure`: a cluster that was mixed once, whose call managers have no certificate in the CTL any more. `rollback`: prepared
 * for a release without trust lists, so the ITL vouches for nobody.
 */
export type ClusterState = 'mixed' | 'non-secure' | 'rollback';

export const CLUSTER_STATES: readonly ClusterState[] = ['mixed', 'non-secure', 'rollback'];

export interface ClusterListOptions {
  readonly pki: LabPki;
  readonly nodes: readonly ClusterNode[];
  /** `mixed` unless given. */
  readonly state?: ClusterState;
  readonly digest: DigestAlgorithm;
  /** Unix seconds. */
  readonly now: number;
  /** Who signs the ITL; ITLRecovery unless given. */
  readonly itlSigner?: Identity;
  /** Records hold digests of certificates instead of the certificates. */
  readonly hashed?: boolean;
}

/** Tag 28: phones that know elliptic curves and HTTPS may use them. */
const ADVANCED = [1, 1] as const;

export function clusterCtl(options: ClusterListOptions): Uint8Array {
  const { pki, nodes, state = 'mixed', digest, now } = options;
  const { tokens, callManager, capf, itlRecovery } = pki;
  const first = nodes.slice(0, 1);
  const records = [
    ...tokens.flatMap((token) => recordsOf('SAST', token, first)),
    ...recordsOf('CCM+TFTP', state === 'mixed' ? callManager : null, nodes),
    ...recordsOf('CAPF', capf, first),
    ...recordsOf('SAST', itlRecovery, first),
  ];
  return writeTrustList('ctl', withForm(records, options), { signer: tokens[0], digest, timestamp: now });
}

export function clusterItl(options: ClusterListOptions): Uint8Array {
  const { pki, nodes, state = 'mixed', digest, now, itlSigner } = options;
  const { callManager, capf, tftp, tvs, itlRecovery } = pki;
  const first = nodes.slice(0, 1);
  const isEmpty = state === 'rollback';
  const records = [
    ...recordsOf('SAST', itlRecovery, first),
    ...recordsOf('CCM+TFTP', isEmpty ? null : callManager, nodes),
    ...(isEmpty ? [] : recordsOf('SAST', callManager, first)),
    ...(isEmpty ? [] : recordsOf('TFTP', tftp, nodes)),
    ...recordsOf('TVS', isEmpty ? null : tvs, nodes),
    ...(isEmpty ? [] : recordsOf('CAPF', capf, first)),
  ];
  const signer = itlSigner ?? itlRecovery;
  return writeTrustList('itl', withForm(records, options), { signer, digest, timestamp: now, signerVersion: ADVANCED });
}

function withForm(records: readonly ListRecord[], { hashed = false }: ClusterListOptions): readonly ListRecord[] {
  return hashed ? records.map((record) => ({ ...record, hashed })) : records;
}

function recordsOf(role: ListRecord['role'], identity: Identity | null, nodes: readonly ClusterNode[]): ListRecord[] {
  const certificate = identity?.certificate ?? null;
  return nodes.map(({ host, address }) => ({ role, certificate, dnsName: host, address }));
}
