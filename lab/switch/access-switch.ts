/**
 * An access switch: VLAN-aware forwarding with a MAC table, voice VLAN ports, CDP and LLDP-MED, Power over Ethernet.
 *
 * It forwards as IEEE 802.1Q says: a frame stays in its VLAN, goes to the one port where its destination was heard, floods when
 * that is not known, and never leaves by the port it came from. With tens of thousands of phones on it flooding is what costs:
 * N booting phones broadcast to N ports. Real networks of that size do not flood either, and by the same two means, which are options here:
 *  - protected ports: nothing goes from one phone port to another, so a phone's broadcast reaches the servers only;
 *  - snooping: a broadcast that concerns one station (a DHCP reply by its client hardware address, an ARP request by its target) goes to that
 *    station's port, as DHCP snooping and ARP suppression do it. What concerns nobody known still floods.
 */
import { macText } from '../../firmware/wire/address.ts';
import { mac as macAt, u16, u32 } from '../../firmware/wire/octets.ts';
import type { Ipv4, LinkState, Mac } from '../../hal/nic.ts';
import type { Timeline } from '../../hal/timeline.ts';
import type { Duration } from '../../hal/timer.ts';
import type { WireEnd } from '../../hal/wire-end.ts';
import { DEAF, type LabEventSink } from '../lab-event.ts';
import type { SwitchIdentity } from './announcements.ts';
import { Announcer } from './announcer.ts';
import { MacTable } from './mac-table.ts';
import { checkPortOptions, PHONE_PORT, type PortOptions, type VoiceVlan } from './port-options.ts';
import { type PoweredDevice, PowerSourcing, type PowerState } from './power-sourcing.ts';
import { NOT_MEMBER, type PortOwner, SwitchPort, UNTAGGED } from './switch-port.ts';
import { HEADER_LENGTH, tag, tciOf, untag } from './tagging.ts';

export interface AccessSwitchOptions {
  readonly timeline: Timeline;
  readonly name?: string;
  readonly mac: Mac;
  readonly managementAddress?: Ipv4;
  readonly platform?: string;
  readonly version?: string;
  /** What a port is configured as when it is connected without options of its own. */
  readonly defaults?: PortOptions;
  /** Milliwatts for all ports together. */
  readonly powerBudget?: number;
  /** Broadcasts that concern one station go to its port. */
  readonly snooping?: boolean;
  readonly ageing?: Duration;
  readonly macTableSize?: number;
  readonly events?: LabEventSink;
}

export interface SwitchCounters {
  received: number;
  /** Sent to one port because its MAC table entry said so. */
  forwarded: number;
  /** Copies sent by flooding. */
  flooded: number;
  /** Broadcasts that snooping sent to one port. */
  directed: number;
  /** Tagged for a VLAN that the port is not in. */
  wrongVlan: number;
  /** Too short, from a group address, or to where it came from. */
  dropped: number;
}

/** Ports of one stack member; a larger switch shows as a stack, as a closet does. */
const PORTS_PER_MEMBER = 48;

/** A switch whose supply never runs out, unless a budget is given (a real 24-port 802.3at one has 740 W). */
const UNLIMITED_BUDGET = Number.MAX_SAFE_INTEGER;

const MAXIMUM_FRAME = 1522;

const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_ARP = 0x0806;

export class AccessSwitch implements PortOwner {
  readonly identity: SwitchIdentity;
  readonly power: PowerSourcing;
  readonly macTable: MacTable<SwitchPort>;
  readonly announcer: Announcer;
  readonly counters: SwitchCounters = { received: 0, forwarded: 0, flooded: 0, directed: 0, wrongVlan: 0, dropped: 0 };
  readonly #timeline: Timeline;
  readonly #events: LabEventSink;
  readonly #snooping: boolean;
  readonly #ports: SwitchPort[] = [];
  #defaults: PortOptions;
  #scratch: Uint8Array | null = new Uint8Array(MAXIMUM_FRAME);

  constructor(options: AccessSwitchOptions) {
    this.#timeline = options.timeline;
    this.#events = options.events ?? DEAF;
    this.#snooping = options.snooping ?? false;
    this.#defaults = options.defaults ?? PHONE_PORT;
    checkPortOptions(this.#defaults);
    this.identity = {
      name: options.name ?? 'lab-switch',
      mac: options.mac,
      managementAddress: options.managementAddress ?? 0,
      platform: options.platform ?? 'cisco WS-C3850-48P',
      version: options.version ?? 'Sepia lab switch',
    };
    this.power = new PowerSourcing(options.powerBudget ?? UNLIMITED_BUDGET);
    this.macTable = new MacTable({
      ...(options.ageing === undefined ? {} : { ageing: options.ageing }),
      ...(options.macTableSize === undefined ? {} : { limit: options.macTableSize }),
    });
    this.announcer = new Announcer({
      timeline: options.timeline,
      identity: this.identity,
      power: this.power,
      events: this.#events,
    });
  }

  get ports(): readonly SwitchPort[] {
    return this.#ports;
  }

  /** A new port at the end of `wire`; it takes part as soon as the wire has link. */
  connect(wire: WireEnd, options: PortOptions = this.#defaults, name?: string): SwitchPort {
    checkPortOptions(options);
    const index = this.#ports.length;
    const port = new SwitchPort(this, index, name ?? portName(index), wire, options);
    this.#ports.push(port);
    wire.attach(port);
    return port;
  }

  /** Reconfigures one port; the devices on it are told at once. */
  configure(port: SwitchPort, changes: Partial<PortOptions>): void {
    const options: PortOptions = Object.freeze({ ...port.options, ...changes });
    checkPortOptions(options);
    port.options = options;
    this.#unprotectedKnown = -1;
    this.announcer.announce(port);
  }

  /** Changes the voice VLAN of one port, or of every port that has the defaults and of those to come. */
  setVoiceVlan(voiceVlan: VoiceVlan, port?: SwitchPort): void {
    const text = String(voiceVlan);
    if (port !== undefined) {
      this.configure(port, { voiceVlan });
      this.#events(this.#timeline.now(), { type: 'switch.vlan', port: port.name, voiceVlan: text });
      return;
    }
    const before = this.#defaults;
    this.#defaults = Object.freeze({ ...before, voiceVlan });
    checkPortOptions(this.#defaults);
    this.#events(this.#timeline.now(), { type: 'switch.vlan', port: '*', voiceVlan: text });
    for (const each of this.#ports) {
      if (each.options !== before) continue;
      each.options = this.#defaults;
      this.announcer.announce(each);
    }
  }

  /** A device that wants power is plugged into the port. */
  connectDevice(port: SwitchPort, device: PoweredDevice): PowerState {
    if (!port.options.poe) {
      device.supply(0);
      return 'off';
    }
    const state = this.power.connect(port.power, device);
    this.#tellPower(port, state === 'on' ? 'granted' : state === 'cut' ? 'cut' : 'refused');
    return state;
  }

  disconnectDevice(port: SwitchPort): void {
    if (port.hasPowerState) this.power.release(port.power);
  }

  /** `power inline never` until `restorePower`. */
  cutPower(port: SwitchPort): void {
    this.power.cut(port.power);
    this.#tellPower(port, 'cut');
  }

  restorePower(port: SwitchPort): void {
    this.power.restore(port.power);
    this.#tellPower(port, 'restored');
  }

  /** Milliwatts that the port may give; the device is told by CDP and LLDP at once. */
  limitPower(port: SwitchPort, milliwatts: number): void {
    if (!this.power.setLimit(port.power, milliwatts)) return;
    this.#tellPower(port, 'lowered');
    this.announcer.announce(port);
  }

  linkChanged(port: SwitchPort, state: LinkState): void {
    this.#events(this.#timeline.now(), { type: 'switch.link', port: port.name, up: state.up });
    if (state.up) {
      this.announcer.linkUp(port);
      return;
    }
    this.announcer.linkDown(port);
    if (port.hasPowerState) this.power.forget(port.power);
  }

  receive(port: SwitchPort, bytes: Uint8Array, length: number): void {
    if (!port.state.up || port.shut) return;
    this.counters.received += 1;
    if (length < HEADER_LENGTH || (bytes[6]! & 1) !== 0) {
      this.counters.dropped += 1;
      return;
    }
    const isGroup = (bytes[0]! & 1) !== 0;
    const tci = tciOf(bytes, length);
    const vlan = port.vlanOf(tci);
    // Announcements count too: a phone that sends CDP tagged and untagged is learned in both VLANs.
    if (port.options.maximumStations !== null && vlan >= 0 && !this.#admit(port, vlan, macAt(bytes, 6))) return;
    if (isGroup && this.#consumed(port, bytes, length)) return;
    if (vlan < 0) {
      this.counters.wrongVlan += 1;
      return;
    }
    const now = this.#timeline.now();
    const source = macAt(bytes, 6);
    this.macTable.learn(now, vlan, source, port);
    if (this.#snooping) this.#snoop(vlan, source, bytes, length, tci);
    if (isGroup) {
      this.#flood(port, vlan, tci, bytes, length);
      return;
    }
    const to = this.macTable.lookup(now, vlan, macAt(bytes, 0));
    if (to === null) {
      this.#flood(port, vlan, tci, bytes, length);
    } else if (to === port || areApart(to, port)) {
      this.counters.dropped += 1;
    } else {
      this.counters.forwarded += 1;
      this.#send(to, vlan, tci, bytes, length);
    }
  }

  #admit(port: SwitchPort, vlan: number, station: Mac): boolean {
    if (port.admits(vlan, station)) return true;
    port.shut = true;
    this.announcer.linkDown(port);
    if (port.hasPowerState) this.power.forget(port.power);
    const maximum = port.options.maximumStations ?? 0;
    this.#events(this.#timeline.now(), {
      type: 'switch.security',
      port: port.name,
      station: macText(station),
      maximum,
    });
    port.wire.phy?.(false);
    return false;
  }

  /** Opens a port that port security has shut. */
  recover(port: SwitchPort): void {
    port.recover();
    port.wire.phy?.(true);
  }

  /** Frames for the switch itself: CDP on a Cisco port, LLDP, and whatever no bridge forwards (IEEE 802.1Q 8.6.3). */
  #consumed(port: SwitchPort, bytes: Uint8Array, length: number): boolean {
    const high = u32(bytes, 0);
    const low = u16(bytes, 4);
    if (high === 0x0180c200 && low <= 0x000f) {
      if (low === 0x000e && port.options.lldp) this.announcer.hearLldp(port, bytes, length);
      return true;
    }
    if (high !== 0x01000ccc || low !== 0xcccc || port.options.vendor !== 'cisco') return false;
    if (port.options.cdp) this.announcer.hearCdp(port, bytes, length);
    return true;
  }

  #flood(from: SwitchPort, vlan: number, tci: number, bytes: Uint8Array, length: number): void {
    const onlyPort = this.#snooping ? this.#concerns(vlan, bytes, length, tci) : null;
    if (onlyPort !== null && onlyPort !== from) {
      this.counters.directed += 1;
      if (!areApart(onlyPort, from)) this.#send(onlyPort, vlan, tci, bytes, length);
      return;
    }
    // Protected phones talk to servers only: no need to look at the other phones.
    const ports = from.options.protected ? this.#unprotected() : this.#ports;
    for (const port of ports) {
      if (port === from || !port.state.up || port.egress(vlan) === NOT_MEMBER) continue;
      this.counters.flooded += 1;
      this.#send(port, vlan, tci, bytes, length);
    }
  }

  #unprotectedPorts: SwitchPort[] = [];
  #unprotectedKnown = 0;

  /** The few ports that are not protected, gathered again when ports were added. */
  #unprotected(): readonly SwitchPort[] {
    if (this.#unprotectedKnown !== this.#ports.length) {
      this.#unprotectedPorts = this.#ports.filter((port) => !port.options.protected);
      this.#unprotectedKnown = this.#ports.length;
    }
    return this.#unprotectedPorts;
  }

  /** Remembers the sender address of ARP packets; address at 14 in the packet (RFC 826). */
  #snoop(vlan: number, source: Mac, bytes: Uint8Array, length: number, tci: number): void {
    const payload = tci < 0 ? 14 : 18;
    if (length < payload + 28 || u16(bytes, payload - 2) !== ETHERTYPE_ARP) return;
    const sender = u32(bytes, payload + 14);
    if (sender !== 0) this.macTable.learnAddress(vlan, sender, source);
  }

  /** The one port that a broadcast concerns, null when it concerns everyone or nobody known. */
  #concerns(vlan: number, bytes: Uint8Array, length: number, tci: number): SwitchPort | null {
    if (bytes[0] !== 0xff) return null;
    const now = this.#timeline.now();
    const payload = tci < 0 ? 14 : 18;
    const etherType = u16(bytes, payload - 2);
    if (etherType === ETHERTYPE_ARP && length >= payload + 28) {
      const sender = u32(bytes, payload + 14);
      const target = u32(bytes, payload + 24);
      return sender === target ? null : this.macTable.lookupAddress(now, vlan, target);
    }
    if (etherType !== ETHERTYPE_IPV4 || length < payload + 20 || bytes[payload + 9] !== 17) return null;
    const udp = payload + (bytes[payload]! & 15) * 4;
    // DHCP reply: server port 67 to client port 68, `chaddr` at 28 of the message.
    if (length < udp + 8 + 34 || u16(bytes, udp) !== 67 || u16(bytes, udp + 2) !== 68) return null;
    return this.macTable.lookup(now, vlan, macAt(bytes, udp + 8 + 28));
  }

  #send(port: SwitchPort, vlan: number, tci: number, bytes: Uint8Array, length: number): void {
    const vid = port.egress(vlan);
    if (vid === NOT_MEMBER) return;
    if (vid === UNTAGGED ? tci < 0 : tci >= 0 && (tci & 0xfff) === vid) {
      port.wire.transmit(bytes, length);
      return;
    }
    // A wire that delivers at once may lead back here while the scratch is in use.
    const into = this.#scratch ?? new Uint8Array(MAXIMUM_FRAME);
    const mine = this.#scratch !== null;
    if (mine) this.#scratch = null;
    if (length + 4 <= into.length) {
      const priority = tci < 0 ? 0 : tci & 0xf000;
      const size = vid === UNTAGGED ? untag(bytes, length, into) : tag(bytes, length, priority | vid, into);
      port.wire.transmit(into, size);
    } else {
      this.counters.dropped += 1;
    }
    if (mine) this.#scratch = into;
  }

  #tellPower(port: SwitchPort, outcome: 'granted' | 'refused' | 'lowered' | 'cut' | 'restored'): void {
    const milliwatts = port.power.allocated;
    this.#events(this.#timeline.now(), { type: 'switch.power', port: port.name, outcome, milliwatts });
  }
}

/** The name of the nth phone port, counted from 0. */
export function portName(index: number): string {
  return `GigabitEthernet${Math.floor(index / PORTS_PER_MEMBER) + 1}/0/${(index % PORTS_PER_MEMBER) + 1}`;
}

function areApart(a: SwitchPort, b: SwitchPort): boolean {
  return a.options.protected && b.options.protected && (a.community < 0 || a.community !== b.community);
}
