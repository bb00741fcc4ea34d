import { ipv4Text } from '../firmware/wire/address.ts';
import * as arp from '../firmware/wire/arp.ts';
import * as dhcp from '../firmware/wire/dhcp.ts';
import type { Ipv4 } from '../hal/nic.ts';
import type { Sight, Story } from './story.ts';

/** Where a phone says that nobody answers: five DISCOVERs are what ours sends before it says so. */
const PATIENCE = 5;

/** Addresses asked for by ARP; a phone asks for a router and a few servers. */
const MAX_TARGETS = 64;

const MESSAGE_TYPES = ['BOOTP', 'DISCOVER', 'OFFER', 'REQUEST', 'DECLINE', 'ACK', 'NAK', 'RELEASE', 'INFORM'];

/** What the lease says about the next step. */
export interface SeenLease {
  readonly tftpServers: readonly Ipv4[];
  readonly tftpServerName: string | null;
  readonly siaddr: Ipv4;
  readonly domain: string | null;
  readonly routers: readonly Ipv4[];
  readonly address: Ipv4;
  readonly mask: Ipv4;
}

/** Step 4 from outside: the DHCP dialogue, or an address that the phone simply uses. */
export class AddressSight {
  readonly #story: Story;
  #server: Ipv4 | null = null;
  #unanswered = 0;
  #offer: { readonly server: Ipv4; readonly address: Ipv4 } | null = null;
  #leaseEnds = Number.POSITIVE_INFINITY;
  #spoke = false;
  /** By target: requests since the last reply. */
  readonly #asked = new Map<Ipv4, { count: number; last: Sight }>();
  address: Ipv4 | null = null;
  lease: SeenLease | null = null;

  constructor(story: Story) {
    this.#story = story;
  }

  /** A message from or to the phone. @returns what changed */
  dhcp(message: dhcp.Message, sight: Sight): 'bound' | 'started' | null {
    const type = message.options.messageType ?? 0;
    const from = message.op === dhcp.BOOTREQUEST ? 'phone' : 'network';
    const text = `${dhcp.describe(message)}, ${optionsText(message.options)}`;
    this.#story.message(from, `DHCP ${MESSAGE_TYPES[type] ?? type}`, text, sight);
    if (this.#story.is('address')) this.#story.note(sight);
    switch (type) {
      case dhcp.DISCOVER:
        return this.#discover(sight);
      case dhcp.OFFER:
        this.#offered(message, sight);
        return null;
      case dhcp.REQUEST:
        return this.#request(message, sight);
      case dhcp.ACK:
        return this.#acknowledged(message, sight);
      case dhcp.NAK:
        this.#refused(sight, 'nak');
        return null;
      case dhcp.DECLINE:
        this.#refused(sight, 'conflict');
        return null;
      case dhcp.RELEASE:
        this.#refused(sight, 'released');
        return null;
      default:
        return null;
    }
  }

  /** Whether the phone begins this step with that message, though nothing has taken its address away. */
  startsAfresh(message: dhcp.Message, sight: Sight): boolean {
    if (this.address === null || this.#leaseEnds <= sight.at) return false;
    const { messageType } = message.options;
    return messageType === dhcp.DISCOVER || (messageType === dhcp.REQUEST && isInitReboot(message));
  }

  arp(message: arp.Packet, fromPhone: boolean, sight: Sight): void {
    const { operation, senderProtocol, targetProtocol } = message;
    this.#story.message(fromPhone ? 'phone' : 'network', labelOf(message), arp.describe(message), sight);
    if (!fromPhone) {
      this.#asked.delete(senderProtocol);
      return;
    }
    if (operation !== arp.OPERATION.request || senderProtocol === 0 || senderProtocol === targetProtocol) return;
    const asked = this.#asked.get(targetProtocol);
    if (asked !== undefined) {
      asked.count++;
      asked.last = sight;
    } else if (this.#asked.size < MAX_TARGETS) this.#asked.set(targetProtocol, { count: 1, last: sight });
  }

  /** Somebody answers from there, perhaps by way of a router. */
  reached(address: Ipv4): void {
    this.#asked.delete(address);
  }

  /** The phone asks for this address and nobody says that he has it. */
  unreached(address: Ipv4): Sight | null {
    const asked = this.#asked.get(address);
    return asked === undefined || asked.count < 2 ? null : asked.last;
  }

  /** A packet leaves from this address. @param isFromBeginning the capture shows the steps before @returns whether the phone has just got it */
  uses(address: Ipv4, isFromBeginning: boolean, sight: Sight): boolean {
    if (address === 0 || this.address !== null) return false;
    this.address = address;
    if (this.#story.is('address')) {
      this.#story.leave('done', 'stored', sight, `${ipv4Text(address)}, of an earlier lease`);
      return true;
    }
    if (isFromBeginning && !this.#spoke) {
      this.#story.enter('address', sight);
      this.#story.note(sight);
      this.#story.leave('done', 'static', sight, `${ipv4Text(address)}, set by hand`);
    }
    return true;
  }

  finish(end: Sight): void {
    if (this.#story.is('address') && this.#unanswered > 0) this.#story.leave('failed', 'dhcp.no-offer', end);
  }

  #discover(sight: Sight): 'started' | null {
    let started = false;
    if (this.address !== null) {
      if (this.#leaseEnds <= sight.at) this.#refused(sight, 'expired');
      this.address = null;
    }
    if (!this.#story.is('address')) {
      this.#enter(sight);
      started = true;
    }
    if (++this.#unanswered % PATIENCE === 0) {
      this.#story.leave('failed', 'dhcp.no-offer', sight);
      this.#enter(sight);
    }
    return started ? 'started' : null;
  }

  #enter(sight: Sight): void {
    this.#spoke = true;
    this.#story.enter('address', sight);
    this.#story.note(sight);
    this.#offer = null;
  }

  #offered(message: dhcp.Message, sight: Sight): void {
    const server = serverOf(message);
    this.#unanswered = 0;
    if (this.#offer === null) this.#offer = { server, address: message.yiaddr };
    else if (this.#offer.server !== server) {
      const chosen = ipv4Text(this.#offer.server);
      const other = { server: ipv4Text(server), address: ipv4Text(message.yiaddr), chosen };
      this.#story.tell('dhcp.other-offer', other, sight);
    }
  }

  #request(message: dhcp.Message, sight: Sight): 'started' | null {
    if (!isInitReboot(message) || this.#story.is('address')) return null;
    this.address = null;
    this.#enter(sight);
    this.#unanswered = 1;
    return 'started';
  }

  #acknowledged(message: dhcp.Message, sight: Sight): 'bound' | null {
    const { options, yiaddr, ciaddr, siaddr } = message;
    if (yiaddr === 0 && ciaddr !== 0) return null; // Of an INFORM.
    this.#leaseEnds = sight.at + (options.leaseTime ?? Number.POSITIVE_INFINITY);
    const isRenewal = this.address === yiaddr && !this.#story.is('address');
    this.address = yiaddr;
    this.#server = serverOf(message);
    this.#unanswered = 0;
    if (isRenewal) return null;
    const mask = options.subnetMask ?? 0xffff_ff00;
    const routers = options.routers ?? [];
    this.lease = {
      tftpServers: options.tftpServers ?? [],
      tftpServerName: options.tftpServerName ?? null,
      siaddr,
      domain: options.domainName ?? null,
      routers,
      address: yiaddr,
      mask,
    };
    this.#story.tell(
      'dhcp.bound',
      {
        address: `${ipv4Text(yiaddr)}/${Math.clz32(~mask >>> 0)}`,
        router: routers[0] === undefined ? null : ipv4Text(routers[0]),
        server: ipv4Text(this.#server),
        leaseSeconds: options.leaseTime ?? dhcp.INFINITE,
        tftp: this.lease.tftpServers.map(ipv4Text),
        domain: this.lease.domain,
        dns: (options.domainNameServers ?? []).map(ipv4Text),
      },
      sight,
    );
    if (!this.#story.is('address')) return 'bound'; // The capture began within this step.
    this.#story.leave('done', undefined, sight);
    return 'bound';
  }

  /** The address is gone. A NAK in answer to INIT-REBOOT takes none away. */
  #refused(sight: Sight, reason: 'nak' | 'conflict' | 'released' | 'expired'): void {
    const { address } = this;
    if (address === null) return;
    this.address = null;
    this.lease = null;
    this.#story.tell('dhcp.lost', { address: ipv4Text(address), reason }, sight);
    if (this.#story.stage === null) this.#story.enter('address', sight);
    this.#story.note(sight);
    this.#story.leave('failed', `dhcp.${reason}`, sight);
  }
}

/** What else the message says; addresses are in its description. */
function optionsText(options: dhcp.Options): string {
  const parts: string[] = [];
  for (const [name, value] of Object.entries(options)) {
    if (name === 'parameterRequestList') parts.push(`asks for ${(value as number[]).join(' ')}`);
    else if (typeof value === 'string') parts.push(`${name} ${JSON.stringify(value)}`);
    else if (name === 'maximumMessageSize') parts.push(`${name} ${value}`);
  }
  return parts.join(', ');
}

/** A REQUEST without DISCOVER and OFFER before it (RFC 2131 section 4.3.2); a renewal is no step. */
function isInitReboot({ ciaddr, options }: dhcp.Message): boolean {
  return ciaddr === 0 && options.serverIdentifier === undefined;
}

function serverOf({ options, siaddr }: dhcp.Message): Ipv4 {
  return options.serverIdentifier ?? siaddr;
}

function labelOf({ operation, senderProtocol, targetProtocol }: arp.Packet): string {
  if (operation === arp.OPERATION.reply) return 'ARP reply';
  if (senderProtocol === 0) return 'ARP probe';
  return senderProtocol === targetProtocol ? 'ARP announcement' : 'ARP request';
}
