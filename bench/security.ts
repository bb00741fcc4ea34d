import { createPublicKey } from 'node:crypto';
import { pathToFileURL } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { judgeSignedFile } from '../firmware/phone/trust/judge-file.ts';
import { judgeTrustList } from '../firmware/phone/trust/judge-list.ts';
import { TrustStore } from '../firmware/phone/trust/trust-store.ts';
import { type DistinguishedName, writeCertificate } from '../hal/host/certificate-writer.ts';
import { HostSecureElement } from '../hal/host/secure-element.ts';
import { MILLISECOND } from '../hal/timer.ts';
import { VirtualFlash } from '../hal/virtual/flash.ts';
import { createFlashBase } from '../hal/virtual/flash-base.ts';
import { VirtualTimeline } from '../hal/virtual/timeline.ts';
import { clusterItl } from '../lab/pki/cluster-lists.ts';
import { FLEET_KEYS, IdentityStock } from '../lab/pki/identity-stock.ts';
import { createLabPki } from '../lab/pki/lab-pki.ts';
import { signFile } from '../lab/pki/signed-file-writer.ts';
import { FLASH_MAP, FLASH_SIZE } from '../storage/flash-map.ts';
import { RecordStore } from '../storage/record-store.ts';
import { type BenchResult, type BenchRow, formatBench } from './bench-result.ts';
import { type BenchWorld, benchWorld } from './support/bench-world.ts';
import { threadCpu } from './support/profile.ts';
import { tlsRegistrations } from './support/tls-registrations.ts';

const NOW = Date.UTC(2026, 10, 22) / 1_000;
const WARM_UP = 50;
const PHONES = 300;
const IDENTITIES = 10_000;
const VERIFICATIONS = 2_000;
/** Files that differ. */
const DISTINCT = 500;

const pki = createLabPki({ host: 'cm1.lab.example', now: NOW });

/** As `bootAll`, where the boards compute what holds the timeline. */
async function bootSecurely({ world, registered }: BenchWorld, from: number, to: number): Promise<void> {
  const { timeline } = world;
  const runFor = async (time: number): Promise<void> => {
    const end = timeline.now() + time;
    while (!timeline.runUntil(end)) await new Promise<void>((resolve) => timeline.onRelease(resolve));
  };
  for (let index = from; index < to; index++) {
    world.powerOn(index);
    if (index % 10 === 9) await runFor(100 * MILLISECOND);
  }
  for (let round = 0; round < 600 && registered() < to; round++) await runFor(100 * MILLISECOND);
  if (registered() < to) throw new Error(`${registered()} of ${to} phones are registered`);
}

/** What is held after a collection, in octets: the heap and what hangs on it, and the process. */
function held(): { heap: number; process: number } {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  collect();
  const { heapUsed, external, rss } = process.memoryUsage();
  return { heap: heapUsed + external, process: rss };
}

async function registrations(security: 'none' | 'authenticated' | 'encrypted'): Promise<BenchRow[]> {
  const bench = benchWorld(WARM_UP + PHONES, { security, pki, identities: FLEET_KEYS });
  await bootSecurely(bench, 0, WARM_UP);
  const before = held();
  const start = process.cpuUsage();
  const from = performance.now();
  await bootSecurely(bench, WARM_UP, WARM_UP + PHONES);
  const { user, system } = process.cpuUsage(start);
  const seconds = (performance.now() - from) / 1_000;
  const after = held();
  return [
    { metric: `${security}: boots to registered, lab included`, value: PHONES / seconds, unit: '1/s' },
    { metric: `${security}: CPU of phone and lab`, value: (user + system) / PHONES, unit: 'us/boot' },
    {
      metric: `${security}: memory of phone and its server side, heap`,
      value: (after.heap - before.heap) / PHONES / 1_024,
      unit: 'KiB',
    },
    {
      metric: `${security}: the same, of the process`,
      value: (after.process - before.process) / PHONES / 1_024,
      unit: 'KiB',
    },
  ];
}

function identities(): BenchRow[] {
  const stock = new IdentityStock({ authority: pki.manufacturing, now: NOW, ...FLEET_KEYS });
  const keys = new Set<unknown>();
  const start = threadCpu();
  for (let index = 0; index < IDENTITIES; index++) {
    const deviceName = `SEP${(0x0200_5e00_0000 + index).toString(16).toUpperCase().padStart(12, '0')}`;
    keys.add(stock.issue({ productId: 'CP-7975G', deviceName, serial: 'FCH1402A1B2' }).privateKey);
  }
  const seconds = (threadCpu() - start) / 1e9;
  return [
    { metric: `identities of ${IDENTITIES} phones`, value: seconds, unit: 's' },
    { metric: '  distinct keys among them', value: keys.size, unit: '' },
    { metric: '  one of them, by the template of its factory', value: (seconds * 1e6) / IDENTITIES, unit: 'us' },
    { metric: '  one certificate written without a template', value: wholeCertificate(), unit: 'us' },
  ];
}

/** CPU, in microseconds. */
function wholeCertificate(): number {
  const { privateKey } = pki.manufacturing;
  const name: DistinguishedName = [['CN', 'CP-7975G-SEP02005E000001']];
  const validity = { notBefore: NOW, notAfter: NOW, isAuthority: false };
  const plan = {
    subject: name,
    issuer: name,
    serial: Uint8Array.of(1),
    publicKey: createPublicKey(privateKey),
    ...validity,
  };
  const start = threadCpu();
  for (let index = 0; index < VERIFICATIONS; index++) writeCertificate(plan, privateKey, 'sha256');
  return (threadCpu() - start) / 1e3 / VERIFICATIONS;
}

const NODES = [{ host: 'cm1.lab.example', address: 0x0a64_000b }];

function phoneStore(): TrustStore {
  const secure = new HostSecureElement({ timeline: new VirtualTimeline(), bootKeys: [], complete: () => undefined });
  const sha256 = (octets: Uint8Array): Uint8Array => secure.hash('sha256', octets);
  const flash = new VirtualFlash(createFlashBase(new Uint8Array(0), sha256), FLASH_SIZE);
  return new TrustStore(RecordStore.open(flash, FLASH_MAP.trust), secure, 'rejected');
}

/** How often `work` is done in a second of CPU. */
function perSecond(times: number, work: (index: number) => { readonly outcome: string }): number {
  const start = threadCpu();
  for (let index = 0; index < times; index++) {
    if (!GOOD.includes(work(index).outcome)) throw new Error('what is good was refused');
  }
  return (times * 1e9) / (threadCpu() - start);
}

const GOOD: readonly string[] = ['verified', 'first-use'];

function verifications(): BenchRow[] {
  const lists = Array.from({ length: DISTINCT }, (_, index) =>
    clusterItl({ pki, nodes: NODES, digest: 'sha1', now: NOW + index }),
  );
  const plain = new Uint8Array(8_000);
  const name = 'SEP02005E000001.cnf.xml.sgn';
  const files = Array.from({ length: DISTINCT }, (_, index) =>
    signFile(plain, {
      signer: pki.callManager,
      digest: 'sha1',
      filename: name,
      version: [1, 0],
      timestamp: NOW + index,
    }),
  );
  const phone = phoneStore();
  phone.arrived('itl', lists[0]!);
  phone.hold();
  const list = (index: number) => judgeTrustList('itl', lists[index % DISTINCT]!, phone.context());
  const file = (index: number) => judgeSignedFile(name, files[index % DISTINCT]!, phone.context());
  const unit = '1/s of CPU';
  return [
    { metric: 'trust lists verified, each another one', value: perSecond(DISTINCT, list), unit },
    { metric: '  the same again, as every phone of a fleet has them', value: perSecond(VERIFICATIONS, list), unit },
    { metric: 'signed configurations of 8 KB verified, each another one', value: perSecond(DISTINCT, file), unit },
    { metric: '  the same again', value: perSecond(VERIFICATIONS, file), unit },
  ];
}

/** What security costs: registrations over TLS beside plain ones, identities, verifications. */
export async function run(): Promise<BenchResult> {
  const rows = [...identities(), ...verifications(), ...(await tlsRegistrations(pki))];
  for (const security of ['none', 'authenticated', 'encrypted'] as const) rows.push(...(await registrations(security)));
  return { name: 'security', rows };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  process.stdout.write(`${formatBench(await run())}\n`);
}
