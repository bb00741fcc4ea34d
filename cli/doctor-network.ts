import { hostname } from 'node:os';
import { autoMac, deviceName, formatMac, INDEX_BITS, parseMac, SHARD_BITS, serialNumber } from '../device/identity.ts';
import { type NicName, openWire, reachesOthers, runOf, warnOfMac } from '../fleet/public.ts';
import type { ModelRow } from '../hal/board.ts';
import { HostRng } from '../hal/host/entropy.ts';
import { HostSecureElement } from '../hal/host/secure-element.ts';
import { HostTimeline } from '../hal/host/timeline.ts';
import type { Mac } from '../hal/nic.ts';
import { SECOND } from '../hal/timer.ts';
import { type FileContents, type Finding, Preflight, type StaticAddress } from '../probe/public.ts';
import { parseIpv4 } from '../storage/settings.ts';
import { EXIT } from './exit-code.ts';
import { type FileReport, reportOn } from './file-report.ts';
import { nicOf, refuseBefore } from './real-run.ts';
import { settingsOf } from './setting-options.ts';
import { stopSignals } from './stop-signals.ts';
import { UsageError } from './usage-error.ts';
import { model, wholeNumber } from './values.ts';

export interface NetworkTexts {
  readonly nic?: string;
  readonly vlan?: string;
  readonly mac?: string;
  readonly model?: string;
  readonly static?: string;
  readonly tftp?: string;
  /** False with --no-borrow. */
  readonly borrow?: boolean;
  readonly nicInUseOk?: boolean;
}

/** As a phone that is about to be powered: the owner of its MAC address speaks within this. */
const LISTEN = 2 * SECOND;
const MAX_VLAN = 4094;

const DEFAULT_MODEL = '7975';

/** What is to be looked at, and from where. */
export interface NetworkLook {
  readonly nic: Exclude<NicName, { kind: 'virtual' }>;
  readonly row: ModelRow;
  readonly mac: Mac;
  readonly vlan: number | null;
  readonly address: StaticAddress | null;
  readonly tftp: readonly number[];
  readonly borrows: boolean;
}

/** Reads the options. Throws UsageError, with code 5 for an interface that is refused. */
export function readNetworkLook(texts: NetworkTexts): NetworkLook {
  if (texts.nic === undefined || texts.nic === 'virtual') {
    throw new UsageError(
      '--network looks at a wire: --nic with the name of an interface, or udp:LOCAL:PORT,REMOTE:PORT.',
    );
  }
  const nic = nicOf(texts.nic);
  if (nic.kind === 'virtual') throw new UsageError('--network looks at a wire, and virtual is none.');
  const row = model(texts.model ?? DEFAULT_MODEL);
  const mac = macOf(texts.mac);
  const vlan = texts.vlan === undefined ? null : wholeNumber('--vlan', texts.vlan, [1, MAX_VLAN]);
  const addresses = addressesOf(texts);
  refuseBefore(nic, { nicInUseOk: texts.nicInUseOk === true, phones: 1, expects: true });
  return { nic, row, mac, vlan, ...addresses, borrows: texts.borrow !== false };
}

/** The first option that means something only with `--network`; null when there is none. */
export function networkOption({
  vlan,
  mac,
  model: named,
  static: address,
  tftp,
  borrow,
  nicInUseOk,
}: NetworkTexts): string | null {
  const given = { vlan, model: named, mac, static: address, tftp, 'nic-in-use-ok': nicInUseOk };
  const name =
    Object.entries(given).find(([, value]) => value !== undefined)?.[0] ?? (borrow === false ? 'no-borrow' : null);
  return name === null ? null : `--${name}`;
}

/** Looks at the network behind the interface, and registers nothing. Throws MachineLack, and UsageError with code 5 when its MAC address is somebody's. */
export async function lookAtNetwork(
  { nic, row, mac, vlan, address, tftp, borrows }: NetworkLook,
  found: (finding: Finding) => void,
  note: (text: string) => void,
): Promise<void> {
  const warning = reachesOthers(nic) ? warnOfMac(mac) : null;
  if (warning !== null) note(warning);

  const wire = await openWire(nic, 1);
  const timeline = new HostTimeline();
  const signals = stopSignals(() => preflight.stop());
  const epochSeconds = Date.now() / 1000 - timeline.now() / SECOND;
  const secure = new HostSecureElement({
    timeline,
    bootKeys: [],
    complete: (operation, result) => preflight.complete(operation, result),
  });
  let ended: (why: 'done' | 'own-mac') => void = () => {};
  const over = new Promise<'done' | 'own-mac'>((resolve) => {
    ended = resolve;
  });
  const preflight = new Preflight({
    timeline,
    rng: new HostRng(),
    wire,
    board: { model: row, mac, serial: serialNumber(mac), hardwareRevision: '1', deviceName: deviceName(mac) },
    secure: { tls: secure.tls, certificate: (der) => secure.certificate(der) },
    vlan,
    address,
    tftp,
    borrows,
    listen: reachesOthers(nic) ? LISTEN : 0,
    epochSeconds,
    found,
    over: ended,
    read: (name, octets) => contentsOf(name, octets, secure),
  });
  wire.setMacs?.([mac]);
  try {
    preflight.start();
    const why = await over;
    note(`${preflight.sent} frames sent as ${formatMac(mac, ':')}; nothing is registered, no lease is taken.`);
    if (why === 'own-mac') {
      throw new UsageError(
        `Refused: somebody else on the wire has the MAC address ${formatMac(mac, ':')}; --mac gives another.`,
        EXIT.refused,
      );
    }
  } finally {
    signals.release();
    timeline.close();
    await wire.close();
  }
}

/** The last address of this machine's run: none that its fleet has. */
function macOf(text: string | undefined): number {
  if (text === undefined || text === 'auto') {
    return autoMac(runOf(hostname()), 2 ** SHARD_BITS - 1, 2 ** INDEX_BITS - 1);
  }
  const mac = parseMac(text);
  if (typeof mac === 'string') throw new UsageError(`--mac: ${mac}`);
  return mac;
}

/** Reads `--static` and `--tftp` as `sepia phone` does. */
function addressesOf(texts: NetworkTexts): { address: StaticAddress | null; tftp: readonly number[] } {
  const { static: written, tftp } = texts;
  const settings = settingsOf({
    ...(written === undefined ? {} : { static: written }),
    ...(tftp === undefined ? {} : { tftp }),
  });
  const read = (name: string): number => {
    const address = parseIpv4(settings[name]!);
    if (address === null) throw new UsageError(`"${settings[name]}" is not an IPv4 address.`);
    return address;
  };
  const servers = ['tftp1', 'tftp2'].filter((name) => settings[name] !== undefined).map(read);
  if (written === undefined) return { address: null, tftp: servers };
  const prefixLength = Math.clz32(~read('mask'));
  return { address: { address: read('address'), prefixLength, router: read('router') }, tftp: servers };
}

/** By the phone's own code, as `sepia inspect` does with nothing installed. */
function contentsOf(name: string, octets: Uint8Array, crypto: HostSecureElement): FileContents {
  const context = { crypto, installed: { ctl: null, itl: null }, vouched: null, olderList: 'rejected' } as const;
  const report = reportOn(name, octets, { as: name, context, slot: null, typedKey: null, imageKey: null });
  const { kind, outcome, records, size } = report;
  const roles = records === undefined ? '' : `, ${records.length} records: ${rolesIn(records)}`;
  const facts = { contents: { ...report, file: undefined } };
  if (size === 0) return { text: 'it is empty', problem: 'phones take an empty file for none', facts };
  const text = `${kind}, ${size} octets, ${outcome}${roles}`;
  if (outcome === 'rejected') return { text, problem: `phones refuse it: ${report.detail ?? report.reason}`, facts };
  const problem = kind === 'unknown' ? 'this is not what phones expect under this name' : null;
  return { text, problem, facts };
}

/** `2 SAST, 1 TFTP`. */
function rolesIn(records: NonNullable<FileReport['records']>): string {
  const counts = new Map<string, number>();
  for (const { role, roleCode } of records) {
    const name = role ?? `role ${roleCode}`;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts].map(([role, count]) => `${count} ${role}`).join(', ');
}
