import type { Instant } from '../../hal/timer.ts';
import type { CertificateName } from '../phone/trust/signed-file.ts';
import type { VouchedCertificate } from '../phone/trust/verdict.ts';

/** Asks the trust verification services of the last good configuration about a signer that no installed list has. */
export interface TvsQuery {
  /** `waiter` is called once, unless `cancel` comes first; with null when nobody could be asked, or nobody vouches for the certificate. */
  ask(now: Instant, signer: CertificateName, waiter: (now: Instant, vouched: VouchedCertificate | null) => void): void;
  cancel(): void;
}
