import { isMalformed } from '../firmware/malformed.ts';
import * as cdp from '../firmware/wire/cdp.ts';
import * as dhcp from '../firmware/wire/dhcp.ts';
import * as sccp from '../firmware/wire/sccp/message.ts';
import { latin1 } from '../firmware/wire/text.ts';
import * as tftp from '../firmware/wire/tftp.ts';
import type { ModelRow } from '../hal/board.ts';
import { TUNABLES, type Tunable, type TunableName } from '../hal/tunables.ts';
import { anonymous } from './anonymous.ts';
import type { Packet } from './packet.ts';
import type { SeenEvent } from './story.ts';

/** A tunable's value as a capture shows it. */
export interface Calibrated {
  readonly name: TunableName;
  readonly value: number | string;
  readonly isDefault: boolean;
}

/** What a capture shows and no tunable sets. */
export interface Observed {
  readonly what: string;
  readonly seen: string;
  /** What our phone of that model does; null where the model does not say. */
  readonly model: string | null;
}

type Of<K extends Packet['content']['kind']> = Extract<Packet['content'], { kind: K }>;

/** Announcements closer than this answer something; the steady ones are what is measured. Seconds. */
const STEADY = 5;
/** Seconds are read to this precision: the clock of a capture is not the phone's. */
const PRECISION = 100;
const MAX_FILES = 64;
const MAX_TIMES = 1_000;

/** Measures one phone of a capture. */
export class Calibration {
  readonly #model: ModelRow;
  readonly #values = new Map<TunableName, number | string>();
  readonly #observed = new Map<string, Observed>();
  readonly #cdpTimes: number[] = [];
  readonly #lldpTimes: number[] = [];
  readonly #files: string[] = [];
  /** RRQs by port, of the transfer that was asked for last. */
  #requests: { readonly key: string; readonly times: number[] } | null = null;
  #probes: number[] = [];
  #firstVia: 'http' | 'tftp' | null = null;
  #failedByHttp: { readonly name: unknown; readonly at: number } | null = null;

  constructor(model: ModelRow) {
    this.#model = model;
  }

  /** A packet of the phone. */
  take({ at, vlan, content }: Packet): void {
    const seconds = at / 1e6;
    switch (content.kind) {
      case 'cdp':
        if (vlan === null) this.#cdp(content.message, seconds);
        return;
      case 'lldp':
        this.#lldp(content, seconds);
        return;
      case 'arp':
        this.#arp(content, seconds);
        return;
      case 'udp':
        this.#udp(content, seconds);
        return;
      case 'tcp':
        this.#tcp(content);
        return;
    }
  }

  /** What the story of the phone has told. */
  hear({ type, at, name, via, outcome }: SeenEvent): void {
    if (type === 'file.done' && via === 'http') this.#failedByHttp = outcome === 'received' ? null : { name, at };
    if (type !== 'file.request' || via !== 'tftp') return;
    const failed = this.#failedByHttp;
    if (failed !== null && failed.name === name) this.#values.set('http.fallbackWait', rounded(at - failed.at));
    this.#failedByHttp = null;
  }

  /** In the order of `sepia tunables`; values that no tunable can have are left out. */
  calibrated(): Calibrated[] {
    this.#steady('cdp.interval', this.#cdpTimes);
    this.#steady('lldp.interval', this.#lldpTimes);
    const found: Calibrated[] = [];
    for (const [name, tunable] of Object.entries<Tunable>(TUNABLES)) {
      const value = this.#values.get(name as TunableName);
      if (value === undefined || !allows(tunable, value)) continue;
      found.push({ name: name as TunableName, value, isDefault: value === tunable.default });
    }
    return found;
  }

  observed(): Observed[] {
    const files = this.#files.map(anonymous).join(' ');
    return [
      ...this.#observed.values(),
      ...(files === '' ? [] : [{ what: 'order of files', seen: files, model: null }]),
    ];
  }

  #cdp(message: cdp.Message, seconds: number): void {
    push(this.#cdpTimes, seconds);
    this.#values.set('cdp.ttl', message.ttl);
    const types = message.tlvs.map((tlv) => (tlv.kind === 'unknown' ? tlv.type : cdp.TYPE[tlv.kind]));
    this.#note('CDP, order of TLVs', types.map((type) => type.toString(16).padStart(2, '0')).join(' '), null);
    const capabilities = cdp.numberOf(message, 'capabilities');
    if (capabilities !== null) this.#note('CDP capabilities', hex(capabilities), hex(this.#model.cdp.capabilities));
    const platform = cdp.textOf(message, 'platform');
    if (platform !== null) this.#note('CDP platform', platform, this.#model.platform);
  }

  #lldp({ message }: Of<'lldp'>, seconds: number): void {
    if (message.ttl === 0) return; // It goes away.
    push(this.#lldpTimes, seconds);
    const { chassisId } = message;
    if (chassisId.kind !== 'text') this.#values.set('lldp.chassisId', chassisId.kind === 'mac' ? 'mac' : 'address');
    this.#note('LLDP, order of TLVs', message.tlvs.map(({ kind }) => kind).join(' '), null);
    this.#note('LLDP TTL', String(message.ttl), String(this.#model.lldp.ttlSeconds));
  }

  #arp({ message }: Of<'arp'>, seconds: number): void {
    if (message.senderProtocol === 0) {
      push(this.#probes, seconds);
      return;
    }
    const first = this.#probes[0];
    if (first === undefined) return;
    this.#values.set('dhcp.probeCount', this.#probes.length);
    this.#values.set('dhcp.probeInterval', rounded((seconds - first) / this.#probes.length));
    this.#probes = [];
  }

  #udp({ destinationPort, sourcePort, destination, payload }: Of<'udp'>, seconds: number): void {
    if (destinationPort === dhcp.SERVER_PORT) this.#dhcp(payload);
    if (destinationPort !== tftp.SERVER_PORT) return;
    const message = tftp.parse(payload);
    if (isMalformed(message) || message.kind !== 'RRQ') return;
    const { filename, options } = message;
    this.#asked(filename, 'tftp');
    const option = (name: string) => options.find((one) => one.name.toLowerCase() === name)?.value;
    this.#values.set('tftp.blockSize', Number(option('blksize') ?? tftp.BLOCK_SIZE));
    this.#values.set('tftp.windowSize', Number(option('windowsize') ?? 1));
    const key = `${sourcePort} ${destination} ${filename}`;
    if (this.#requests?.key !== key) {
      this.#requests = { key, times: [seconds] };
      return;
    }
    const { times } = this.#requests;
    push(times, seconds);
    if (times.length === 2) this.#values.set('tftp.firstRetry', rounded(times[1]! - times[0]!));
  }

  #dhcp(payload: Uint8Array): void {
    const message = dhcp.parse(payload);
    if (isMalformed(message)) return;
    const { messageType, maximumMessageSize, parameterRequestList, vendorClass } = message.options;
    if (messageType !== dhcp.DISCOVER) return;
    this.#values.set('dhcp.broadcastFlag', (message.flags & dhcp.BROADCAST_FLAG) === 0 ? 'no' : 'yes');
    if (maximumMessageSize !== undefined) this.#values.set('dhcp.maximumMessageSize', maximumMessageSize);
    const { dhcp: known } = this.#model;
    this.#note('DHCP DISCOVER, order of options', optionCodes(payload).join(' '), null);
    const asked = parameterRequestList ?? [];
    this.#note('DHCP option 55', asked.join(' '), known.parameterRequestList.join(' '));
    this.#note('DHCP option 60', JSON.stringify(vendorClass ?? ''), JSON.stringify(known.vendorClass));
  }

  #tcp({ destinationPort, payload }: Of<'tcp'>): void {
    if (payload.length === 0) return;
    const text = latin1(payload, 0, Math.min(payload.length, 4_096));
    const get = /^GET \/(\S*) HTTP/.exec(text)?.[1];
    if (get !== undefined && destinationPort === 6970) {
      this.#asked(get, 'http');
      this.#note('HTTP, order of header fields', fieldNames(text), null);
    } else if (text.startsWith('REGISTER ')) this.#note('SIP REGISTER, order of header fields', fieldNames(text), null);
    else if (destinationPort === 2000) this.#sccp(payload);
  }

  #sccp(payload: Uint8Array): void {
    const message = sccp.parse(payload);
    if (isMalformed(message) || message.type !== 'RegisterReq') return;
    const { version, features } = this.#model.sccp;
    const { protocolVer, features0, features1, features2, configVersionStamp } = message;
    this.#note('SCCP version', String(protocolVer), String(version));
    this.#note('SCCP features', [features0, features1, features2].map(hex).join(' '), features.map(hex).join(' '));
    if (configVersionStamp !== '') this.#values.set('sccp.versionStamp', protocolVer >= 22 ? 'newest' : 'always');
  }

  #asked(name: string, via: 'http' | 'tftp'): void {
    if (this.#files.length < MAX_FILES && !this.#files.includes(name)) this.#files.push(name);
    if (this.#firstVia !== null) return;
    this.#firstVia = via;
    const isAsModel = this.#model.http === (via === 'http');
    this.#values.set('file.transport', isAsModel ? 'model' : via === 'http' ? 'http-first' : 'tftp-only');
  }

  /** The median of what lies between announcements that answer nothing. */
  #steady(name: 'cdp.interval' | 'lldp.interval', times: readonly number[]): void {
    const gaps = times.slice(1).map((time, index) => time - times[index]!);
    const steady = gaps.filter((gap) => gap >= STEADY).sort((one, other) => one - other);
    if (steady.length >= 2) this.#values.set(name, rounded(steady[steady.length >> 1]!));
  }

  #note(what: string, seen: string, model: string | null): void {
    if (!this.#observed.has(what)) this.#observed.set(what, { what, seen: anonymous(seen), model });
  }
}

/** The calibration as a file for `--set @FILE`: what differs from the defaults is set, the rest is said. */
export function calibrationText(values: readonly Calibrated[], observed: readonly Observed[], model: string): string {
  const lines = [`# What a capture shows of a ${model}. For --set @FILE.`];
  for (const { name, value, isDefault } of values) {
    lines.push(isDefault ? `# ${name}=${value} is the default` : `${name}=${value}`);
  }
  for (const { what, seen, model: ours } of observed) {
    const as = ours === null ? '' : ours === seen ? ' (as our model)' : ` (our model: ${ours})`;
    lines.push(`# seen, cannot be set: ${what}: ${seen}${as}`);
  }
  return `${lines.join('\n')}\n`;
}

function allows(tunable: Tunable, value: number | string): boolean {
  if (tunable.kind === 'choice') return tunable.choices.includes(String(value));
  return typeof value === 'number' && value >= tunable.min && value <= tunable.max;
}

/** Codes as they stand on the wire, without padding. */
function optionCodes(payload: Uint8Array): number[] {
  const codes: number[] = [];
  for (let at = 240; at < payload.length && payload[at] !== 255; ) {
    const code = payload[at]!;
    if (code !== 0) codes.push(code);
    at += code === 0 ? 1 : 2 + (payload[at + 1] ?? 0);
  }
  return codes;
}

function fieldNames(text: string): string {
  const head = text.split('\r\n\r\n', 1)[0]!;
  return head
    .split('\r\n')
    .slice(1)
    .map((line) => line.split(':', 1)[0]!)
    .join(' ');
}

function push(times: number[], seconds: number): void {
  if (times.length < MAX_TIMES) times.push(seconds);
}

function rounded(seconds: number): number {
  return Math.round(seconds * PRECISION) / PRECISION;
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(2, '0')}`;
}
