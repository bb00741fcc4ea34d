import { createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { CertificateTemplate, type DistinguishedName } from '../../hal/host/certificate-writer.ts';
import { generateKey, type Identity, type KeyKind, ORGANIZATION, serialNumber } from './lab-pki.ts';
import { nameOf } from './lsc-issuer.ts';

/** Whose certificate it is. */
export interface IdentityHolder {
  /** `CP-7975G`. */
  readonly productId: string;
  /** `SEP` and twelve digits. */
  readonly deviceName: string;
  /** `FCH1402A1B2`. */
  readonly serial: string;
}

/** Which keys a factory puts into its phones. */
export interface IdentityKeys {
  readonly keyKind?: KeyKind;
  /** How many different keys there are. A key takes far longer to make than a certificate, so phones of a fleet share them. */
  readonly keys?: number;
}

export interface IdentityStockOptions extends IdentityKeys {
  /** Signs the certificates. */
  readonly authority: Identity;
  /** Unix seconds. */
  readonly now: number;
}

const DEFAULT_KEYS = 4;

/** For fleets: elliptic curves, which are made and used faster, and enough of them that a server does not see one key only. */
export const FLEET_KEYS = { keyKind: 'ec-p256', keys: 64 } as const;
const DAY = 86_400;
const TEN_YEARS = 3_650 * DAY;

/** The factory's stock of manufacturer-installed certificates: each phone has its own certificate, and a key out of a pool. */
export class IdentityStock {
  readonly #options: IdentityStockOptions;
  readonly #template: CertificateTemplate;
  /** Public ones as SubjectPublicKeyInfo, DER. */
  readonly #keys: { readonly privateKey: KeyObject; readonly publicKey: Uint8Array }[] = [];
  #issued = 0;

  constructor(options: IdentityStockOptions) {
    this.#options = options;
    const { authority, now } = options;
    const issuer = nameOf(authority.certificate);
    const plan = { issuer, notBefore: now - DAY, notAfter: now + TEN_YEARS, isAuthority: false };
    this.#template = new CertificateTemplate(plan, authority.privateKey, 'sha256');
  }

  /** Whether this factory's authority has signed that certificate. */
  hasIssued(certificate: Uint8Array): boolean {
    const { publicKey } = new X509Certificate(this.#options.authority.certificate);
    return new X509Certificate(certificate).verify(publicKey);
  }

  issue({ productId, deviceName, serial }: IdentityHolder): Identity {
    const { keys = DEFAULT_KEYS, keyKind = 'rsa-2048' } = this.#options;
    const index = this.#issued++ % keys;
    if (this.#keys[index] === undefined) {
      const privateKey = generateKey(keyKind);
      const publicKey = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
      this.#keys[index] = { privateKey, publicKey };
    }
    const { privateKey, publicKey } = this.#keys[index];
    const subject: DistinguishedName = [
      ['serialNumber', `PID:${productId} SN:${serial}`],
      ...ORGANIZATION,
      ['CN', `${productId}-${deviceName}`],
    ];
    return { privateKey, certificate: this.#template.write({ serial: serialNumber(), subject, publicKey }) };
  }
}
