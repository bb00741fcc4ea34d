/** Files of one small lab cluster, made once a test run. Keys of 1,024 bits are made fast and are what old clusters have. */
import { createPublicKey } from 'node:crypto';
import { encryptFile } from '../../lab/pki/encrypted-file-writer.ts';
import { createLabPki, type Identity, type LabPki, selfSigned } from '../../lab/pki/lab-pki.ts';
import { signFile } from '../../lab/pki/signed-file-writer.ts';
import { type ListRecord, writeTrustList } from '../../lab/pki/trust-list-writer.ts';

export const NOW = Date.UTC(2026, 10, 22) / 1_000;
export const HOST = 'cucm1.lab.example';
const ADDRESS = 0xc000_020a;

export function labPki(): LabPki {
  return createLabPki({ host: HOST, keyKind: 'rsa-1024', now: NOW });
}

export function stranger(commonName = 'Sepia Lab Stranger'): Identity {
  return selfSigned({ commonName, keyKind: 'rsa-1024', now: NOW });
}

function record(role: ListRecord['role'], certificate: Uint8Array | null): ListRecord {
  return { role, certificate, dnsName: HOST, address: ADDRESS };
}

const list = (signer: Identity, timestamp: number) => ({ signer, digest: 'sha1', timestamp }) as const;

export function itl(pki: LabPki, signer: Identity = pki.itlRecovery, timestamp = NOW): Uint8Array {
  const { itlRecovery, callManager, tvs, capf } = pki;
  const records = [
    record('SAST', itlRecovery.certificate),
    record('CCM+TFTP', callManager.certificate),
    record('SAST', callManager.certificate),
    record('TVS', tvs.certificate),
    record('CAPF', capf.certificate),
  ];
  return writeTrustList('itl', records, list(signer, timestamp));
}

export function ctl(pki: LabPki, signer: Identity = pki.tokens[0], timestamp = NOW): Uint8Array {
  const { tokens, callManager, capf, itlRecovery } = pki;
  const records = [
    ...tokens.map(({ certificate }) => record('SAST', certificate)),
    record('CCM+TFTP', callManager.certificate),
    record('CAPF', capf.certificate),
    record('SAST', itlRecovery.certificate),
  ];
  return writeTrustList('ctl', records, list(signer, timestamp));
}

export function rollback(pki: LabPki, timestamp = NOW): Uint8Array {
  const records = [record('SAST', pki.itlRecovery.certificate), record('CCM+TFTP', null), record('TVS', null)];
  return writeTrustList('itl', records, list(pki.itlRecovery, timestamp));
}

export function signed(pki: LabPki, filename: string, text: string, signer: Identity = pki.callManager): Uint8Array {
  const payload = new TextEncoder().encode(text);
  return signFile(payload, { signer, digest: 'sha1', filename, version: [1, 0], timestamp: NOW });
}

/** @param phone whose key the file is wrapped for, or the key that is typed */
export function encrypted(pki: LabPki, filename: string, text: string, phone: Identity | Uint8Array): Uint8Array {
  const plain = new TextEncoder().encode(text);
  const phoneKey = phone instanceof Uint8Array ? phone : createPublicKey(phone.privateKey);
  return encryptFile(plain, { signer: pki.callManager, digest: 'sha1', filename, timestamp: NOW, phoneKey });
}
