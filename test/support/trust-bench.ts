/** The file steps of the startup (CTL, ITL, configuration) over a flash part, with a server that is a table. */

import { StatusLog } from '../../firmware/phone/status-log.ts';
import type { EncryptionStep } from '../../firmware/phone/trust/configuration-trust.ts';
import type { CertificateName } from '../../firmware/phone/trust/signed-file.ts';
import { TrustStore } from '../../firmware/phone/trust/trust-store.ts';
import type { VouchedCertificate } from '../../firmware/phone/trust/verdict.ts';
import { ConfigurationStage } from '../../firmware/startup/configuration-stage.ts';
import type { FetchResult } from '../../firmware/startup/file-fetcher.ts';
import type { PhoneContext } from '../../firmware/startup/phone-context.ts';
import { Sequencer } from '../../firmware/startup/sequencer.ts';
import { TrustFileStage } from '../../firmware/startup/trust-file-stage.ts';
import type { Flash } from '../../hal/flash.ts';
import { HostSecureElement } from '../../hal/host/secure-element.ts';
import { SECOND } from '../../hal/timer.ts';
import { tunableValues } from '../../hal/tunables.ts';
import { VirtualTimeline } from '../../hal/virtual/timeline.ts';
import { FLASH_MAP } from '../../storage/flash-map.ts';
import { RecordStore } from '../../storage/record-store.ts';
import { Settings } from '../../storage/settings.ts';
import { blankFlash } from './flash-bench.ts';

/** What a server has: octets, or how it fails. A name that is not there is not found. */
export type Served = Readonly<Record<string, Uint8Array | 'not-found' | 'timeout'>>;

export type VouchFor = (signer: CertificateName) => VouchedCertificate | null;

interface Heard {
  readonly type: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** How the file steps of one boot went. */
export interface TrustBoot {
  readonly requests: readonly string[];
  readonly messages: readonly string[];
  /** Outcome by list. */
  readonly lists: Readonly<Record<string, unknown>>;
  /** Reason by list, of those that were refused. */
  readonly refusals: Readonly<Record<string, unknown>>;
  /** Fields of the last config.applied; null when none was. */
  readonly configuration: Heard['fields'] | null;
  readonly encryption: EncryptionStep;
  /** Why the last stage was left. */
  readonly reason: string | undefined;
}

/** Rounds of asking and answering until the phone has come to rest. */
const MAX_ROUNDS = 100;

export class TrustBench {
  readonly flash: Flash;
  readonly secure: HostSecureElement;
  readonly deviceName: string;
  vouchFor: VouchFor = () => null;

  constructor(deviceName: string, flash: Flash = blankFlash()) {
    this.deviceName = deviceName;
    this.flash = flash;
    this.secure = new HostSecureElement({ timeline: new VirtualTimeline(), bootKeys: [], complete: () => undefined });
  }

  /** The trust region as the next boot will find it. */
  region(): RecordStore {
    return RecordStore.open(this.flash, FLASH_MAP.trust);
  }

  store(): TrustStore {
    return new TrustStore(this.region(), this.secure, 'rejected');
  }

  boot(served: Served): TrustBoot {
    const heard: Heard[] = [];
    const requests: string[] = [];
    const trace = {
      event: (type: string, fields: object) => heard.push({ type, fields: { ...fields } }),
      debug: () => undefined,
    } as unknown as PhoneContext['hal']['trace'];
    let answer: (() => void) | null = null;
    const files = {
      fetch: (
        now: number,
        name: string,
        _max: number,
        _servers: unknown,
        waiter: (at: number, r: FetchResult) => void,
      ) => {
        requests.push(name);
        const found = served[name] ?? 'not-found';
        const result: FetchResult =
          typeof found === 'string'
            ? { outcome: found }
            : { outcome: 'received', octets: found.slice(), server: 1, via: 'tftp' };
        answer = () => waiter(now, result);
      },
      cancel: () => {
        answer = null;
      },
    };
    const phone = {
      hal: {
        board: { deviceName: this.deviceName, model: { itl: true, deviceType: 437 } },
        trace,
        tunables: tunableValues(),
        secure: this.secure,
      },
      boot: { load: 'TEST.1-0-0' },
      files,
      trust: this.region(),
      settings: new Settings(RecordStore.open(this.flash, FLASH_MAP.settings)),
      status: new StatusLog(trace),
      facts: { tftpServers: [1], configuration: null, ownConfiguration: false },
    } as unknown as PhoneContext;
    const trust = {
      store: new TrustStore(phone.trust, this.secure, 'rejected'),
      tvs: {
        ask: (now: number, signer: CertificateName, waiter: (at: number, v: VouchedCertificate | null) => void) =>
          waiter(now, this.vouchFor(signer)),
        cancel: () => undefined,
      },
      https: () => {
        throw new Error('nobody is asked by HTTPS here');
      },
      round: { ctl: null, itl: null },
      encryption: 'plain' as EncryptionStep,
    };
    const stages = [
      TrustFileStage.ctl(phone, trust),
      TrustFileStage.itl(phone, trust),
      new ConfigurationStage(phone, trust),
    ];
    let reason: string | undefined;
    const sequencer = new Sequencer(stages, {
      entered: () => undefined,
      left: (_now, _stage, _outcome, why) => {
        reason = why;
      },
      completed: () => undefined,
    });
    const now = SECOND;
    sequencer.start(now);
    for (let round = 0; round < MAX_ROUNDS; round++) {
      sequencer.dispatch(now);
      const next = answer as (() => void) | null;
      answer = null;
      next?.();
    }
    const lists = heard.filter(({ type }) => type === 'trust.list').map(({ fields }) => fields);
    const byList = (field: string) => Object.fromEntries(lists.map((fields) => [fields.list as string, fields[field]]));
    return {
      requests,
      messages: heard.filter(({ type }) => type === 'status').map(({ fields }) => String(fields.message)),
      lists: byList('outcome'),
      refusals: byList('reason'),
      configuration: heard.findLast(({ type }) => type === 'config.applied')?.fields ?? null,
      encryption: trust.encryption,
      reason,
    };
  }
}
