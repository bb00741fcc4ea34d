/**
 * What makes a lab cluster a secure one: its PKI, the trust lists that its phones ask for, signed and encrypted configurations, and certificates that a factory has put
 * into the phones.
 */
import { createHash } from 'node:crypto';
import type { Mac } from '../hal/nic.ts';
import type { CapfServerOptions } from './capf-server.ts';
import { type ClusterListOptions, type ClusterNode, clusterCtl, clusterItl } from './pki/cluster-lists.ts';
import { encryptFile } from './pki/encrypted-file-writer.ts';
import { type IdentityHolder, type IdentityKeys, IdentityStock } from './pki/identity-stock.ts';
import { createLabPki, type Identity, type LabPki, publicKeyIn } from './pki/lab-pki.ts';
import { signFile } from './pki/signed-file-writer.ts';
import { ROLE_CODES } from './pki/trust-list-writer.ts';
import type { SecureListenerOptions } from './secure-listener.ts';
import type { VouchedFor } from './tvs-server.ts';

export const SECURITY_MODES = ['none', 'authenticated', 'encrypted'] as const;
export type LabSecurity = (typeof SECURITY_MODES)[number];

/** What is not as it should be, or not yet, in a cluster. */
export interface ClusterPeculiarities {
  /** What call managers show instead of the certificate that the lists hold. */
  readonly callManager?: Identity;
  /** What CAPF shows instead of the certificate that the lists hold. */
  readonly capf?: Identity;
  readonly callManagerTls?: Partial<Pick<SecureListenerOptions, 'versions' | 'ciphers'>>;
  /** What HTTPS shows instead of the certificate that the ITL holds. */
  readonly https?: Identity;
  readonly httpsCiphers?: readonly string[];
  /** What TVS vouches for besides the cluster's own certificates. */
  readonly vouchedFor?: readonly VouchedFor[];
  /** A cluster that is not in mixed mode has no CTL. */
  readonly ctl?: false;
}

/** Certificates of a phone, X.509 DER: the manufacturer's and the cluster's. */
interface PhoneKeys {
  readonly mic: Uint8Array | null;
  readonly lsc: Uint8Array | null;
}

export interface SecureClusterOptions {
  readonly security: Exclude<LabSecurity, 'none'>;
  /** Unix seconds: of the lists and the certificates. */
  readonly now: number;
  /** Call managers as the lists name them. */
  readonly nodes: readonly ClusterNode[];
  /** Made unless given; that takes a second or more. */
  readonly pki?: LabPki;
  /** Configurations are for the phone's key only. */
  readonly encryptsFiles?: boolean;
  readonly peculiarities?: ClusterPeculiarities;
  /** Which keys the factory puts into phones. */
  readonly identities?: IdentityKeys;
  /** The file of that name without signature. */
  readonly plain: (name: string) => Uint8Array | null;
}

const DIGEST = 'sha1';

const CTL_NAME = /^CTL(?:S[EI]P([0-9A-F]{12})|File)\.tlv$/i;
const ITL_NAME = /^ITL(?:S[EI]P([0-9A-F]{12})|File)\.tlv$/i;
const SIGNED_NAME = /^(.*\.cnf\.xml)\.sgn$/i;
const ENCRYPTED_NAME = /^((S[EI]P[0-9A-F]{12})\.cnf\.xml)\.enc\.sgn$/i;

export function isTrustList(name: string): boolean {
  return CTL_NAME.test(name) || ITL_NAME.test(name);
}

/** Whose list that is by its name; null for the name that all phones ask for. */
export function stationIn(name: string): Mac | null {
  const [, digits] = CTL_NAME.exec(name) ?? ITL_NAME.exec(name) ?? [];
  return digits === undefined ? null : Number.parseInt(digits, 16);
}

export class SecureCluster {
  readonly pki: LabPki;
  readonly security: Exclude<LabSecurity, 'none'>;
  /** Whether the CTL client has been configured: without, there is no CTL. */
  mixedMode: boolean;
  readonly #options: SecureClusterOptions;
  readonly #identities: IdentityStock;
  /** Keys for which configurations are encrypted, by device. */
  readonly #phoneKeys = new Map<string, PhoneKeys>();
  #ctl: Uint8Array | null = null;
  #itl: Uint8Array | null = null;

  constructor(options: SecureClusterOptions) {
    this.#options = options;
    const { now, nodes, security } = options;
    this.security = security;
    this.mixedMode = options.peculiarities?.ctl !== false;
    this.pki = options.pki ?? createLabPki({ host: nodes[0]?.host ?? 'cm1', now });
    this.#identities = new IdentityStock({ authority: this.pki.manufacturing, now, ...options.identities });
  }

  /** What the factory puts into the MIC slot of a phone. */
  identity(holder: IdentityHolder): Identity {
    const identity = this.#identities.issue(holder);
    this.#phoneKeys.set(holder.deviceName, { mic: identity.certificate, lsc: null });
    return identity;
  }

  /** CAPF has given that phone a certificate, or taken it away with null. */
  learned(deviceName: string, lsc: Uint8Array | null): void {
    this.#phoneKeys.set(deviceName, { mic: this.#phoneKeys.get(deviceName)?.mic ?? null, lsc });
  }

  /** MD5 of the certificate that configurations of this phone are encrypted for; null for a phone that is not known, or where none is encrypted. */
  certHash(deviceName: string): string | null {
    const certificate = this.#certificateFor(deviceName);
    return certificate === null ? null : createHash('md5').update(certificate).digest('hex');
  }

  /** Trust lists, `.sgn` and `.enc.sgn`; null for what is none of these. */
  read(name: string): Uint8Array | null {
    if (CTL_NAME.test(name)) return this.mixedMode ? this.ctl() : null;
    if (ITL_NAME.test(name)) return this.itl();
    const encrypted = ENCRYPTED_NAME.exec(name);
    if (encrypted !== null) return this.#encrypted(name, encrypted[1]!, encrypted[2]!.toUpperCase());
    const signed = SIGNED_NAME.exec(name);
    const plain = signed === null ? null : this.#options.plain(signed[1]!);
    return plain === null ? null : this.sign(name, plain);
  }

  sign(filename: string, payload: Uint8Array, signer: Identity = this.pki.callManager): Uint8Array {
    return signFile(payload, { signer, digest: DIGEST, filename, version: [1, 0], timestamp: this.#options.now });
  }

  ctl(): Uint8Array {
    this.#ctl ??= clusterCtl(this.#lists());
    return this.#ctl;
  }

  itl(): Uint8Array {
    this.#itl ??= clusterItl(this.#lists());
    return this.#itl;
  }

  /** How the call manager listens: any version from TLS 1.0 on, as CUCM does unless its minimum is raised. */
  callManagerTls(): SecureListenerOptions {
    const { callManager, manufacturing, capf } = this.pki;
    return {
      versions: ['1.0', '1.2'],
      ciphers:
        this.security === 'authenticated'
          ? ['NULL-SHA']
          : ['ECDHE-RSA-AES256-GCM-SHA384', 'ECDHE-RSA-AES128-GCM-SHA256', 'AES256-SHA', 'AES128-SHA'],
      legacy: true,
      ...this.#options.peculiarities?.callManagerTls,
      identity: this.#options.peculiarities?.callManager ?? callManager,
      clientAuthorities: [manufacturing.certificate, capf.certificate],
    };
  }

  /** What a CAPF server of this cluster is made with. */
  capf(): Pick<CapfServerOptions, 'tls' | 'authority' | 'trusted' | 'now' | 'learned'> {
    const { capf, manufacturing } = this.pki;
    return {
      tls: { ...this.tvsTls(), identity: this.#options.peculiarities?.capf ?? capf },
      authority: capf,
      trusted: [manufacturing.certificate, capf.certificate],
      now: this.#options.now,
      learned: (deviceName, certificate) => this.learned(deviceName, certificate),
    };
  }

  /** How files are had over TLS. */
  httpsTls(): SecureListenerOptions {
    const ciphers = ['ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-AES256-SHA'];
    const identity = this.#options.peculiarities?.https ?? this.pki.tftp;
    const { httpsCiphers = ciphers } = this.#options.peculiarities ?? {};
    return { versions: ['1.0', '1.2'], ciphers: httpsCiphers, legacy: true, identity, clientAuthorities: null };
  }

  /** What goes over TLS under the name of a signed configuration: the file as it is, since the connection says whose it is. */
  readBare(name: string): Uint8Array | null {
    const [, plainName] = SIGNED_NAME.exec(name) ?? [];
    return plainName === undefined ? null : this.#options.plain(plainName);
  }

  tvsTls(): SecureListenerOptions {
    const ciphers = ['ECDHE-RSA-AES256-GCM-SHA384', 'AES256-SHA', 'AES128-SHA'];
    return { versions: ['1.0', '1.2'], ciphers, legacy: true, identity: this.pki.tvs, clientAuthorities: null };
  }

  vouchedFor(): readonly VouchedFor[] {
    const { tokens, itlRecovery, callManager, capf, tftp, tvs } = this.pki;
    const vouched = (identity: Identity, ...roles: readonly (keyof typeof ROLE_CODES)[]): VouchedFor => ({
      certificate: identity.certificate,
      roles: roles.map((role) => ROLE_CODES[role]),
    });
    return [
      ...tokens.map((token) => vouched(token, 'SAST')),
      vouched(itlRecovery, 'SAST'),
      vouched(callManager, 'SAST', 'CCM+TFTP'),
      vouched(capf, 'CAPF'),
      vouched(tftp, 'TFTP'),
      vouched(tvs, 'TVS'),
      ...(this.#options.peculiarities?.vouchedFor ?? []),
    ];
  }

  /** "LSC if installed, else MIC", with an RSA key: no other can be wrapped for. */
  #certificateFor(deviceName: string): Uint8Array | null {
    const phone = this.#options.encryptsFiles === true ? this.#phoneKeys.get(deviceName) : undefined;
    const certificate = phone?.lsc ?? phone?.mic ?? null;
    return certificate !== null && publicKeyIn(certificate).asymmetricKeyType === 'rsa' ? certificate : null;
  }

  #encrypted(filename: string, plainName: string, device: string): Uint8Array | null {
    const certificate = this.#certificateFor(device);
    const plain = this.#options.plain(plainName);
    if (certificate === null || plain === null) return null;
    return encryptFile(plain, {
      signer: this.pki.callManager,
      digest: DIGEST,
      filename,
      timestamp: this.#options.now,
      phoneKey: publicKeyIn(certificate),
    });
  }

  #lists(): ClusterListOptions {
    const { nodes, now } = this.#options;
    return { pki: this.pki, nodes, digest: DIGEST, now };
  }
}
