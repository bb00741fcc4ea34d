import { isMalformed } from '../firmware/malformed.ts';
import * as cdp from '../firmware/wire/cdp.ts';
import * as dhcp from '../firmware/wire/dhcp.ts';
import { isGroup } from '../firmware/wire/ethernet.ts';
import * as lldp from '../firmware/wire/lldp.ts';
import * as sccp from '../firmware/wire/sccp/message.ts';
import { latin1 } from '../firmware/wire/text.ts';
import * as tftp from '../firmware/wire/tftp.ts';
import type { Ipv4, Mac } from '../hal/nic.ts';
import type { Packet } from './packet.ts';

/** A telephone that some frame gives away. */
export interface Suspect {
  readonly mac: Mac;
  /** Device name: as it registers, or `SEP` and the MAC address. */
  readonly name: string;
  /** The interface that has most of its frames: what floods to others is no second phone. */
  readonly interface: number;
}

/** A capture of a whole building. */
const MAX_PHONES = 100_000;
/** Stations whose frames are counted until they turn out to be phones. */
const MAX_STATIONS = 500_000;

const DEVICE = /^(?:SEP|SIP|ATA|VGC|BAT)([0-9A-F]{12})$/i;
const NAMED_FILE = /(?:SEP|SIP)([0-9A-F]{12})/i;
const INSTANCE = /00000000-0000-0000-0000-([0-9a-f]{12})/i;

const HTTP_PORT = 6970;
const SCCP_PORT = 2000;
const SIP_PORT = 5060;
const SECURE_PORTS: readonly number[] = [2443, 5061];

/** Finds out who in a capture is a telephone, before its story is told: what gives it away may come last. */
export class Roster {
  readonly #names = new Map<Mac, string>();
  /** Phones behind a router here, by address. */
  readonly #routed = new Map<Ipv4, Mac>();
  /** Frames by station and interface. */
  readonly #frames = new Map<Mac, Map<number, number>>();
  /** Who announces itself at the other end of a cable, by interface. */
  readonly #neighbors = new Map<number, Set<Mac>>();

  see(packet: Packet): void {
    this.#count(packet);
    const { content, source } = packet;
    switch (content.kind) {
      case 'cdp':
        if (isPhoneByCdp(content.message)) this.#phone(source, cdp.textOf(content.message, 'deviceId'));
        else this.#neighbor(packet);
        return;
      case 'lldp':
        if (isPhoneByLldp(content.message)) this.#phone(source, null);
        else this.#neighbor(packet);
        return;
      case 'udp':
        this.#udp(packet, content);
        return;
      case 'tcp':
        this.#tcp(packet, content);
        return;
    }
  }

  suspects(): Suspect[] {
    return [...this.#names].map(([mac, name]) => ({ mac, name, interface: this.#homeOf(mac) }));
  }

  routed(): ReadonlyMap<Ipv4, Mac> {
    return this.#routed;
  }

  /** How many ends of cables announce themselves there. */
  neighborsOn(interfaceNumber: number): number {
    return this.#neighbors.get(interfaceNumber)?.size ?? 0;
  }

  #udp({ source }: Packet, content: Extract<Packet['content'], { kind: 'udp' }>): void {
    const { destinationPort, payload } = content;
    if (destinationPort === dhcp.SERVER_PORT) {
      const message = dhcp.parse(payload);
      if (isMalformed(message)) return;
      const { hostName, vendorClass } = message.options;
      const isPhone = DEVICE.test(hostName ?? '') || /\bIP (?:Phone|Communicator)\b/i.test(vendorClass ?? '');
      if (isPhone) this.#phone(message.chaddr, hostName ?? null);
    } else if (destinationPort === tftp.SERVER_PORT) {
      const message = tftp.parse(payload);
      if (!isMalformed(message) && message.kind === 'RRQ') this.#named(message.filename, source, content.source);
    } else if (destinationPort === SIP_PORT) this.#sip(payload, source, content.source);
  }

  #tcp({ source }: Packet, content: Extract<Packet['content'], { kind: 'tcp' }>): void {
    const { destinationPort, payload } = content;
    if (SECURE_PORTS.includes(destinationPort)) this.#phone(source, null);
    if (payload.length === 0) return;
    if (destinationPort === HTTP_PORT) {
      const path = /^GET \/(\S*)/.exec(latin1(payload, 0, Math.min(payload.length, 256)))?.[1];
      if (path !== undefined) this.#named(path, source, content.source);
    } else if (destinationPort === SCCP_PORT) {
      const message = sccp.parse(payload);
      if (isMalformed(message)) return;
      if (message.type === 'RegisterReq') this.#device(message.deviceName, source, content.source);
      else if (message.type === 'KeepAliveReq') this.#phone(source, null);
    } else if (destinationPort === SIP_PORT) this.#sip(payload, source, content.source);
  }

  #sip(payload: Uint8Array, source: Mac, address: Ipv4): void {
    if (payload[0] !== 0x52) return; // R
    const text = latin1(payload, 0, Math.min(payload.length, 4_096));
    if (!text.startsWith('REGISTER ')) return;
    const named = /devicename\.ccm\.cisco\.com="([^"]+)"/i.exec(text)?.[1];
    const mac = INSTANCE.exec(text)?.[1];
    if (named !== undefined) this.#device(named, source, address);
    else if (mac !== undefined) this.#device(`SEP${mac.toUpperCase()}`, source, address);
    else this.#phone(source, null);
  }

  /** The file that it asks for has its name. */
  #named(file: string, source: Mac, address: Ipv4): void {
    const mac = NAMED_FILE.exec(file)?.[1];
    if (mac !== undefined) this.#device(`SEP${mac.toUpperCase()}`, source, address);
  }

  /** A device name with another MAC address than the frame's: somebody routes between. */
  #device(name: string, source: Mac, address: Ipv4): void {
    const digits = DEVICE.exec(name)?.[1];
    const mac = digits === undefined ? source : Number.parseInt(digits, 16);
    this.#phone(mac, name);
    if (mac !== source && this.#routed.size < MAX_PHONES) this.#routed.set(address, mac);
  }

  #phone(mac: Mac, name: string | null): void {
    const known = this.#names.get(mac);
    if (known === undefined && this.#names.size >= MAX_PHONES) return;
    const text = name !== null && name !== '' ? name : (known ?? deviceName(mac));
    if (known === undefined || DEVICE.test(text)) this.#names.set(mac, text);
  }

  #neighbor({ interface: number, source }: Packet): void {
    const known = this.#neighbors.get(number);
    if (known === undefined) this.#neighbors.set(number, new Set([source]));
    else if (known.size < 2) known.add(source);
  }

  #count({ source, interface: number }: Packet): void {
    if (isGroup(source)) return;
    const counts = this.#frames.get(source);
    if (counts !== undefined) counts.set(number, (counts.get(number) ?? 0) + 1);
    else if (this.#frames.size < MAX_STATIONS) this.#frames.set(source, new Map([[number, 1]]));
  }

  #homeOf(mac: Mac): number {
    let home = -1;
    let most = 0;
    for (const [number, count] of this.#frames.get(mac) ?? []) {
      if (count <= most) continue;
      most = count;
      home = number;
    }
    return home;
  }
}

export function deviceName(mac: Mac): string {
  return `SEP${mac.toString(16).padStart(12, '0').toUpperCase()}`;
}

function isPhoneByCdp(message: cdp.Message): boolean {
  const capabilities = cdp.numberOf(message, 'capabilities') ?? 0;
  return (capabilities & cdp.CAPABILITY.phone) !== 0 || DEVICE.test(cdp.textOf(message, 'deviceId') ?? '');
}

function isPhoneByLldp(message: lldp.Message): boolean {
  if (lldp.find(message, 'medCapabilities')?.deviceType === lldp.MED_CLASS.endpoint3) return true;
  return ((lldp.find(message, 'systemCapabilities')?.enabled ?? 0) & lldp.CAPABILITY.telephone) !== 0;
}
