import { isMalformed } from '../firmware/malformed.ts';
import { chooseTftpServers } from '../firmware/phone/tftp-servers.ts';
import { ipv4Text, parseIpv4 } from '../firmware/wire/address.ts';
import * as dhcp from '../firmware/wire/dhcp.ts';
import * as dns from '../firmware/wire/dns.ts';
import type { Ipv4, Mac } from '../hal/nic.ts';
import type { TraceEvents } from '../hal/trace.ts';
import { AddressSight } from './address-sight.ts';
import { Connections } from './connections.ts';
import { DiscoverySight } from './discovery-sight.ts';
import { FileSteps } from './file-steps.ts';
import { HttpSight } from './http-sight.ts';
import { ManagerTalks } from './manager-talks.ts';
import type { Packet } from './packet.ts';
import { RegistrationSight } from './registration-sight.ts';
import { Restarts } from './restarts.ts';
import type { Sight, Story } from './story.ts';
import { TftpSight } from './tftp-sight.ts';

const HTTP_PORT = 6970;
/** Names that were asked for and not found yet. */
const MAX_QUESTIONS = 32;

/** Makes the story of one phone out of its frames. */
export class PhoneJudge {
  readonly #mac: Mac;
  readonly #story: Story;
  readonly #discovery: DiscoverySight;
  readonly #address: AddressSight;
  readonly #files: FileSteps;
  readonly #tftp: TftpSight;
  readonly #registration: RegistrationSight;
  readonly #managers: ManagerTalks;
  readonly #connections: Connections;
  /** Names in DNS without an answer, and addresses by name. */
  readonly #questions = new Map<string, Sight>();
  readonly #names = new Map<string, Ipv4>();
  readonly #restarts: Restarts;
  /** To a call manager, since it started. */
  #hasTurned = false;
  #isRouted = false;

  constructor(mac: Mac, story: Story) {
    this.#mac = mac;
    this.#story = story;
    this.#restarts = new Restarts(story);
    this.#discovery = new DiscoverySight(story);
    this.#address = new AddressSight(story);
    this.#files = new FileSteps(story);
    this.#tftp = new TftpSight(story, this.#files);
    const configuration = () => this.#files.configuration;
    this.#registration = new RegistrationSight(story, configuration);
    this.#managers = new ManagerTalks(
      story,
      this.#registration,
      configuration,
      (sight) => this.#turnsToManagers(sight),
      (sight) => this.#files.hidden(sight),
    );
    this.#connections = new Connections((server, begins, sight) => {
      if (server.port !== HTTP_PORT) return this.#managers.converse(server, begins, sight);
      return new HttpSight(server, story, this.#stepping(server.address));
    });
  }

  /** @param fromPhone else it is for the phone. @param isRouted the phone is behind a router here: frames have another's MAC address */
  take(packet: Packet, fromPhone: boolean, isRouted: boolean): void {
    const sight = this.#sightOf(packet);
    this.#isRouted = isRouted;
    const { content } = packet;
    if (content.kind === 'cdp' || content.kind === 'lldp') {
      if (fromPhone) this.#discovery.announced(content, sight);
      else this.#discovery.heard(content, sight);
      return;
    }
    if (fromPhone && !isRouted && this.#discovery.traffic(packet, sight)) {
      this.#address.address = null;
      this.#registration.over(sight);
    }
    switch (content.kind) {
      case 'arp':
        this.#address.arp(content.message, fromPhone, sight);
        if (fromPhone) this.#uses(content.message.senderProtocol, sight);
        return;
      case 'udp':
        this.#udp(content, fromPhone, sight);
        return;
      case 'tcp':
        this.#address.reached(fromPhone ? 0 : content.source);
        if (fromPhone) this.#uses(content.source, sight);
        this.#connections.take(content, fromPhone, sight);
        return;
    }
  }

  /** @param end of the capture */
  finish(end: Sight): void {
    this.#connections.finish();
    this.#managers.finish(end);
    this.#address.finish(end);
    this.#finishTftpServer(end);
    this.#files.finish(end);
    this.#registration.finish(end, this.#unreachedManagers());
  }

  #sightOf(packet: Packet): Sight {
    const sight = { at: (packet.at - this.#story.epoch) / 1e6, frame: packet.number };
    this.#story.seen = sight;
    return sight;
  }

  #udp(content: Extract<Packet['content'], { kind: 'udp' }>, fromPhone: boolean, sight: Sight): void {
    const { source, destination, sourcePort, destinationPort, payload } = content;
    const isDhcp = [sourcePort, destinationPort].every(
      (port) => port === dhcp.SERVER_PORT || port === dhcp.CLIENT_PORT,
    );
    if (isDhcp) {
      const message = dhcp.parse(payload);
      if (!isMalformed(message) && message.chaddr === this.#mac) this.#dhcp(message, sight);
      return;
    }
    if (fromPhone) this.#uses(source, sight);
    else this.#address.reached(source);
    if (sourcePort === dns.SERVER_PORT || destinationPort === dns.SERVER_PORT) {
      const message = dns.parse(payload);
      if (!isMalformed(message)) this.#dns(message, fromPhone, sight);
      return;
    }
    if (this.#managers.datagram(content, fromPhone, sight)) return;
    if (fromPhone && destinationPort === 69) this.#stepping(destination);
    this.#tftp.take(content, fromPhone, sight);
  }

  #dhcp(message: dhcp.Message, sight: Sight): void {
    if (this.#address.startsAfresh(message, sight)) this.#startedAfresh(sight);
    const change = this.#address.dhcp(message, sight);
    if (change === 'started') this.#registration.over(sight);
    if (change === 'bound') this.#story.enter('tftp-server', sight);
  }

  #startedAfresh(sight: Sight): void {
    const turned = this.#hasTurned || this.#unreachedManagers().length > 0;
    this.#hasTurned = false;
    if (turned) this.#restarts.forget();
    else if (this.#story.is('call-manager')) this.#restarts.began(sight);
  }

  #uses(address: Ipv4, sight: Sight): void {
    const isNew = this.#address.uses(address, this.#discovery.isVisible && !this.#isRouted, sight);
    if (isNew && this.#discovery.isVisible) this.#story.enter('tftp-server', sight);
  }

  #dns(message: dns.Message, fromPhone: boolean, sight: Sight): void {
    const name = message.questions[0]?.name.toLowerCase();
    if (name === undefined) return;
    this.#story.message(fromPhone ? 'phone' : 'network', `DNS ${name}`, dns.describe(message), sight);
    if (this.#story.is('tftp-server') || this.#story.is('call-manager')) this.#story.note(sight);
    if (!message.response) {
      if (this.#questions.size < MAX_QUESTIONS) this.#questions.set(name, sight);
      return;
    }
    for (const { data } of message.answers) {
      if (data.kind !== 'address') continue;
      this.#questions.delete(name);
      if (this.#names.size < MAX_QUESTIONS) this.#names.set(name, data.address);
      this.#registration.named(name, data.address);
    }
  }

  /** A file is asked of this server: with the first one the step of the server is over. */
  #stepping(server: Ipv4): FileSteps {
    const { at, frame } = this.#story.seen;
    const sight = { at, frame };
    if (this.#registration.hasLeft) this.#registration.over(sight);
    if (this.#story.is('tftp-server')) this.#chosen([server], this.#sourceOf(server), sight);
    return this.#files;
  }

  #chosen(servers: readonly Ipv4[], source: TraceEvents['tftp.server']['source'], sight: Sight): void {
    this.#story.note(sight);
    this.#story.tell('tftp.server', { servers: servers.map(ipv4Text), source }, sight);
    this.#story.leave('done', source === 'static' ? 'alternate' : source, sight);
  }

  /** Which of what the phone knew has named this server; a name in option 66 or `CiscoCM1` shows in DNS. */
  #sourceOf(server: Ipv4): TraceEvents['tftp.server']['source'] {
    const { lease } = this.#address;
    if (lease === null) return 'static';
    if (lease.tftpServers.includes(server)) return 'option150';
    const named = lease.tftpServerName?.trim().toLowerCase() ?? '';
    if (parseIpv4(named) === server) return 'option66';
    for (const [name, address] of this.#names) {
      if (address !== server) continue;
      if (name.startsWith('ciscocm1.')) return 'dns';
      if (name === named || name.startsWith(`${named}.`)) return 'option66';
    }
    return lease.siaddr === server ? 'siaddr' : 'alternate';
  }

  #turnsToManagers(sight: Sight): void {
    this.#hasTurned = true;
    if (this.#registration.isRegistered) return;
    this.#files.passed(sight);
  }

  /** The capture ends before a file was asked for: either nothing names a server, or the one that is named cannot be reached. */
  #finishTftpServer(end: Sight): void {
    if (!this.#story.is('tftp-server')) return;
    const { lease } = this.#address;
    const choice =
      lease === null
        ? null
        : chooseTftpServers({
            alternate: null,
            option150: lease.tftpServers,
            option66: lease.tftpServerName,
            siaddr: lease.siaddr,
            domain: lease.domain,
          });
    if (choice === null) {
      if (lease !== null) this.#story.leave('failed', 'tftp.no-server', end);
      return;
    }
    if (choice.needsResolve !== undefined) {
      const name = [...this.#questions.keys()][0];
      if (name !== undefined) this.#story.leave('failed', 'tftp.no-server', end, `nobody answers for ${name} in DNS`);
      return;
    }
    const hop = this.#hopTo(choice.servers[0]!);
    const asked = this.#address.unreached(hop);
    if (asked === null) return;
    this.#chosen(choice.servers, choice.source, asked);
    this.#story.enter('ctl-file', asked);
    this.#story.note(asked);
    this.#story.leave('failed', 'tftp.timeout', end, `nobody answers ARP for ${ipv4Text(hop)}`);
  }

  /** Call managers that the phone has looked for in vain before any connection. */
  #unreachedManagers(): string[] {
    const { configuration } = this.#files;
    if (configuration === null || this.#registration.isRegistered) return [];
    const found: string[] = [];
    for (const { host } of configuration.callManagers) {
      const address = parseIpv4(host);
      if (address === null) {
        const asked = [...this.#questions.keys()].some((name) => name.startsWith(host.toLowerCase()));
        if (asked) found.push(`nobody answers for ${host} in DNS`);
      } else if (this.#address.unreached(this.#hopTo(address)) !== null) {
        found.push(`nobody answers ARP for ${ipv4Text(this.#hopTo(address))}`);
      }
    }
    return [...new Set(found)];
  }

  #hopTo(address: Ipv4): Ipv4 {
    const { lease } = this.#address;
    if (lease === null || ((address ^ lease.address) & lease.mask) === 0) return address;
    return lease.routers[0] ?? address;
  }
}
