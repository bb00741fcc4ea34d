/** A lab cluster's keys and certificates as files: `NAME.key` (PKCS #8, for its owner only) and `NAME.pem`, and `cluster.json` with its call managers. */
import { createPrivateKey } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readCertificate } from '../../hal/host/public-key.ts';
import type { ClusterNode } from './cluster-lists.ts';
import type { Identity, LabPki } from './lab-pki.ts';

const OWNER_ONLY = 0o600;

/** Names of files, by what they are in the PKI; `tokens` are two. */
export const SERVICES = {
  'call-manager': 'callManager',
  tftp: 'tftp',
  tvs: 'tvs',
  capf: 'capf',
  'itl-recovery': 'itlRecovery',
  manufacturing: 'manufacturing',
} as const;

export type ServiceName = keyof typeof SERVICES;

export interface StoredCluster {
  readonly pki: LabPki;
  readonly nodes: readonly ClusterNode[];
}

/** The message is one sentence. */
export class PkiFolderError extends Error {
  override readonly name = 'PkiFolderError';
}

/** Never writes over keys that are there. Throws PkiFolderError. */
export function createPkiFolder(folder: string, { pki, nodes }: StoredCluster): void {
  attempt(folder, () => {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'cluster.json'), `${JSON.stringify({ nodes }, null, 2)}\n`, { flag: 'wx' });
    for (const [name, key] of Object.entries(SERVICES)) writeIdentity(folder, name, pki[key], 'wx');
    for (const [index, token] of pki.tokens.entries()) writeIdentity(folder, `token-${index + 1}`, token, 'wx');
  });
}

/** Throws PkiFolderError. */
export function readPkiFolder(folder: string): StoredCluster {
  return attempt(folder, () => {
    const { nodes } = JSON.parse(readFileSync(join(folder, 'cluster.json'), 'utf8')) as Pick<StoredCluster, 'nodes'>;
    const read = (name: string): Identity => readIdentity(folder, name);
    const pki: LabPki = {
      tokens: [read('token-1'), read('token-2')],
      itlRecovery: read('itl-recovery'),
      callManager: read('call-manager'),
      tftp: read('tftp'),
      tvs: read('tvs'),
      capf: read('capf'),
      manufacturing: read('manufacturing'),
    };
    return { pki, nodes };
  });
}

/** Puts another identity in the place of a service's; the one before is kept as `NAME.old`. Throws PkiFolderError. */
export function replaceIdentity(folder: string, name: ServiceName, fresh: Identity): void {
  attempt(folder, () => {
    writeIdentity(folder, `${name}.old`, readIdentity(folder, name), 'w');
    writeIdentity(folder, name, fresh, 'w');
  });
}

function writeIdentity(folder: string, name: string, { privateKey, certificate }: Identity, flag: 'w' | 'wx'): void {
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' });
  writeFileSync(join(folder, `${name}.key`), key, { flag, mode: OWNER_ONLY });
  const lines = Buffer.from(certificate)
    .toString('base64')
    .replace(/.{64}(?=.)/g, '$&\n');
  writeFileSync(join(folder, `${name}.pem`), `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`, {
    flag,
  });
}

function readIdentity(folder: string, name: string): Identity {
  return {
    privateKey: createPrivateKey(readFileSync(join(folder, `${name}.key`))),
    certificate: certificateIn(readFileSync(join(folder, `${name}.pem`)), `${name}.pem`),
  };
}

/** PEM or DER. Throws PkiFolderError. */
export function certificateIn(octets: Uint8Array, name: string): Uint8Array {
  const text = Buffer.from(octets).toString('latin1');
  const [, base64] = /-----BEGIN CERTIFICATE-----([^-]+)-----END/.exec(text) ?? [];
  const der = base64 === undefined ? new Uint8Array(octets) : new Uint8Array(Buffer.from(base64, 'base64'));
  if (readCertificate(der) === null) throw new PkiFolderError(`${name} is no X.509 certificate.`);
  return der;
}

function attempt<T>(folder: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (error instanceof PkiFolderError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    const why =
      code === 'EEXIST'
        ? 'it has a PKI already'
        : code === 'ENOENT'
          ? 'it has no PKI, or a part of one'
          : (code ?? message);
    throw new PkiFolderError(`${folder}: ${why}.`);
  }
}
