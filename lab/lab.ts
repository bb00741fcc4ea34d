/**
 * The embedded lab: everything a telephone needs to come from power-on to registered, in one world. An access switch with phone ports, and on it
 *
 *   .0.1         router and DHCP server, with a leg in every VLAN
 *   .0.2         DNS
 *   .0.3 ...     TFTP servers with the configuration files
 *   .0.11 ...    call managers, the first with priority 0
 *
 * The servers live in the voice VLAN (10.100.0.0/16); phones without a voice VLAN reach them from the data VLAN (10.1.0.0/16) through the
 * router. Each server is a machine of its own on a cable of its own, so that each can be stopped, and each can be unplugged.
 */

import { ipv4Text } from '../firmware/wire/address.ts';
import { SERVER_PORT as CAPF_PORT } from '../firmware/wire/capf.ts';
import type { Ipv4 } from '../hal/nic.ts';
import type { Timeline } from '../hal/timeline.ts';
import type { Instant } from '../hal/timer.ts';
import { type Cable, createCable } from '../hal/virtual/cable.ts';
import { SeededRng } from '../hal/virtual/rng.ts';
import type { WireEnd } from '../hal/wire-end.ts';
import { CallManager, DEFAULT_EPOCH, SCCP_PORT, SECURE_SCCP_PORT } from './call-manager/call-manager.ts';
import type { StopMode } from './call-manager/call-manager-options.ts';
import type { CapfServer } from './capf-server.ts';
import { type CapfService, ConfigurationFiles } from './configuration-files.ts';
import { type Device, type DeviceRange, DeviceTable, type NewDevice } from './device-table.ts';
import { DhcpServer } from './dhcp-server.ts';
import { DnsServer } from './dns-server.ts';
import { HttpFileServer } from './http-file-server.ts';
import { DEAF } from './lab-event.ts';
import { LabHost } from './lab-host.ts';
import type { LabOptions } from './lab-options.ts';
import { HOST_NUMBER, LAB_INSTANCES, labMac, type Network, networkOf } from './networks.ts';
import { Router } from './router.ts';
import { isTrustList, SecureCluster, stationIn } from './secure-cluster.ts';
import { SecureServices } from './secure-listener.ts';
import { capfServer, httpsServers, tvsServer } from './secure-servers.ts';
import { SipCallManager } from './sip-call-manager/sip-call-manager.ts';
import { SIP_PORT } from './sip-call-manager/stationery.ts';
import { AccessSwitch, portName } from './switch/access-switch.ts';
import { PHONE_PORT, type PortOptions, serverPort, type VoiceVlan } from './switch/port-options.ts';
import type { PoweredDevice, PowerState } from './switch/power-sourcing.ts';
import type { SwitchPort } from './switch/switch-port.ts';
import { type FileProvider, type FileRequest, TftpServer } from './tftp-server.ts';
import type { TvsServer } from './tvs-server.ts';

/** A machine of the lab on its cable. */
export interface LabMachine {
  readonly name: string;
  readonly host: LabHost;
  readonly cable: Cable;
}

/** By number, or by any name. */
export type PortKey = number | string;

interface PhonePort {
  readonly cable: Cable;
  readonly port: SwitchPort;
}

const DEFAULT_LEASE_SECONDS = 8 * 24 * 3600;
const DEFAULT_DOMAIN = 'lab.example';
const DEFAULT_PHONE_SPEED = 1000;
/** Megabits a second: servers of a whole site hang on ten gigabit. */
const SERVER_SPEED = 10_000;

export class Lab {
  readonly timeline: Timeline;
  readonly devices: DeviceTable;
  readonly switch: AccessSwitch;
  readonly router = new Router();
  readonly dhcp: DhcpServer;
  readonly dns: DnsServer;
  readonly tftp: readonly TftpServer[];
  /** One on each TFTP server's machine. */
  readonly http: readonly HttpFileServer[];
  /** The same over TLS, in a secure cluster. */
  readonly https: readonly HttpFileServer[];
  readonly callManagers: readonly CallManager[];
  /** The same nodes, for phones that speak SIP. */
  readonly sipCallManagers: readonly SipCallManager[];
  readonly configurationFiles: ConfigurationFiles;
  readonly machines = new Map<string, LabMachine>();
  /** Null in a cluster that is not secure. */
  readonly cluster: SecureCluster | null;
  readonly tvs: TvsServer | null;
  /** On the first call manager; null in a cluster that is not secure. */
  readonly capf: CapfServer | null;
  /** Where the servers live. */
  readonly network: Network;
  /** A function of the seed; labs of different seeds have different MAC addresses. */
  readonly instance: number;
  readonly #options: LabOptions;
  readonly #domainName: string;
  readonly #phones = new Map<PortKey, PhonePort>();
  readonly #networks = new Map<number, Network>();

  constructor(options: LabOptions) {
    this.#options = options;
    this.instance = new SeededRng(`${options.seed ?? 0}/lab`).below(LAB_INSTANCES);
    this.timeline = options.timeline;
    this.#domainName = options.domainName ?? DEFAULT_DOMAIN;
    const { timeline, voiceVlan = 100, dataVlan = 1, protected: isProtected = false } = options;
    const events = options.events ?? DEAF;
    this.network = networkOf(typeof voiceVlan === 'number' ? voiceVlan : dataVlan);
    this.devices = deviceTable(options);
    for (const device of options.devices ?? []) this.addDevice(device);
    this.switch = new AccessSwitch({
      timeline,
      mac: labMac(this.instance, 0),
      managementAddress: networkOf(dataVlan).base + 254,
      defaults: { ...PHONE_PORT, ...options.ports, nativeVlan: dataVlan, voiceVlan, protected: isProtected !== false },
      snooping: isProtected !== false,
      events,
      ...(options.switchName === undefined ? {} : { name: options.switchName }),
      ...(options.powerBudget === undefined ? {} : { powerBudget: options.powerBudget }),
    });
    this.dhcp = new DhcpServer({ timeline, events });
    this.dns = new DnsServer({ timeline, events });
    const count = { tftp: options.tftpServers ?? 1, callManager: options.callManagers ?? 2 };
    for (const vlan of new Set([this.network.vlan, dataVlan, ...(options.vlans ?? [])]))
      this.#addNetwork(vlan, count.tftp);
    const dns = this.#addMachine('dns', HOST_NUMBER.services);
    this.dns.serve(dns.host, dns.host.address);
    const managers = range(count.callManager).map((index) =>
      this.#addMachine(`cm${index + 1}`, HOST_NUMBER.callManager + index),
    );
    this.configurationFiles = this.#configurationFiles(managers);
    this.cluster = this.#cluster(managers);
    const services = new SecureServices(timeline);
    const secure = this.cluster === null ? null : { timeline, cluster: this.cluster, services, events };
    const nodes = managers.map(({ host }) => host);
    const [publisher] = nodes;
    this.tvs = secure === null ? null : tvsServer(secure, nodes);
    this.capf = secure && publisher ? capfServer(secure, publisher, this.devices, options.capf) : null;
    const files: FileProvider = (request) =>
      options.files?.(request) ?? this.#clusterFile(request) ?? this.configurationFiles.read(request.name);
    const hosts = range(count.tftp).map((index) => this.#addMachine(`tftp${index + 1}`, HOST_NUMBER.tftp + index).host);
    this.tftp = hosts.map((host) => served(new TftpServer({ timeline, files, events }), host));
    this.http = hosts.map((host) => served(new HttpFileServer({ timeline, files, events }), host));
    this.https = secure === null ? [] : httpsServers(secure, hosts, files);
    const modelName = options.modelName ?? (() => null);
    this.callManagers = managers.map(
      ({ name, host }) =>
        new CallManager({
          ...(this.cluster === null ? {} : { secure: { services, tls: this.cluster.callManagerTls() } }),
          ...options.callManager,
          name,
          timeline,
          sockets: host,
          devices: this.devices,
          modelName,
          events,
        }),
    );
    this.sipCallManagers = managers.map(
      ({ name, host }) =>
        new SipCallManager({
          ...(this.cluster === null ? {} : { secure: { services, tls: this.cluster.callManagerTls() } }),
          ...options.sipCallManager,
          name,
          node: this.#processNodeName(name, host.address),
          timeline,
          sockets: host,
          devices: this.devices,
          modelName,
          versionStamp: (device) => this.configurationFiles.versionStamp(device),
          events,
        }),
    );
    this.#addNames();
  }

  /** Opens every service. */
  start(): void {
    this.dhcp.start();
    this.dns.start();
    for (const server of this.tftp) server.start();
    if (this.#options.http !== false) for (const server of this.http) server.start();
    if (this.#options.https !== false) for (const server of this.https) server.start();
    this.tvs?.start();
    this.capf?.start();
    for (const manager of [...this.callManagers, ...this.sipCallManagers]) manager.start();
  }

  /** Closes every service; the switch goes on. */
  stop(): void {
    for (const manager of [...this.callManagers, ...this.sipCallManagers]) manager.stop('fin');
    for (const server of this.tftp) server.stop();
    for (const server of [...this.http, ...this.https]) server.stop();
    this.tvs?.stop(this.timeline.now());
    this.capf?.stop(this.timeline.now());
    this.dns.stop();
    this.dhcp.stop();
  }

  /** Where to plug a phone in: the far end of the cable that hangs on this port. */
  port(key: PortKey): WireEnd {
    return this.#phone(key).cable.b;
  }

  switchPort(key: PortKey): SwitchPort {
    return this.#phone(key).port;
  }

  unplug(key: PortKey): void {
    this.#phone(key).cable.unplug();
  }

  plug(key: PortKey): void {
    this.#phone(key).cable.plug();
  }

  /** Connects the power of a board; it is told at once what it gets. */
  connectDevice(key: PortKey, device: PoweredDevice): PowerState {
    return this.switch.connectDevice(this.switchPort(key), device);
  }

  disconnectDevice(key: PortKey): void {
    this.switch.disconnectDevice(this.switchPort(key));
  }

  cutPower(key: PortKey): void {
    this.switch.cutPower(this.switchPort(key));
  }

  restorePower(key: PortKey): void {
    this.switch.restorePower(this.switchPort(key));
  }

  /** Of one port, or of all; a VLAN that has no network yet gets one. */
  setVoiceVlan(voiceVlan: VoiceVlan, key?: PortKey): void {
    if (typeof voiceVlan === 'number') this.#addNetwork(voiceVlan, this.tftp.length);
    this.switch.setVoiceVlan(voiceVlan, key === undefined ? undefined : this.switchPort(key));
  }

  /** Plugs something else into the switch: a wire to the world outside. */
  connectWire(wire: WireEnd, options: PortOptions, name: string): SwitchPort {
    return this.switch.connect(wire, options, name);
  }

  /** Writes a device, or a range of them, into the call managers' database. */
  addDevice(device: NewDevice | DeviceRange): Device | null {
    if (!('firstMac' in device)) return this.devices.add(device);
    this.devices.addRange(device);
    return null;
  }

  /** `dns`, `tftp1`, `cm1` and so on, `gateway100` for the leg in VLAN 100. */
  machine(name: string): LabMachine {
    const machine = this.machines.get(name);
    if (machine === undefined) throw new Error(`the lab has no machine ${name}`);
    return machine;
  }

  /** Addresses that the lab's machines have in the VLAN, for those who want to know whether they are taken. */
  addressesIn(vlan: number): readonly Ipv4[] {
    const network = this.#networks.get(vlan);
    if (network === undefined) return [];
    const inside = (address: Ipv4): boolean => ((address ^ network.base) & network.mask) === 0;
    return [...this.machines.values()].map(({ host }) => host.address).filter(inside);
  }

  /** The processes of one call manager node end, `how` says in what way: 1 is the first. */
  stopNode(number: number, how: StopMode): void {
    for (const manager of this.#node(number)) manager.stop(how);
  }

  startNode(number: number): void {
    for (const manager of this.#node(number)) manager.start();
  }

  /** Puts the cluster into mixed mode: there is a CTL from now on, and auto-registration may end with it. Throws where there are no keys for that. */
  configureCtlClient(): void {
    if (this.cluster === null) throw new Error('the CTL client needs a cluster with keys: security is none');
    this.cluster.mixedMode = true;
    this.devices.autoRegistration.mixedMode = true;
  }

  #node(number: number): readonly [CallManager, SipCallManager] {
    const [sccp, sip] = [this.callManagers[number - 1], this.sipCallManagers[number - 1]];
    if (sccp === undefined || sip === undefined) throw new Error(`the lab has no node ${number}`);
    return [sccp, sip];
  }

  #phone(key: PortKey): PhonePort {
    const present = this.#phones.get(key);
    if (present !== undefined) return present;
    const { speed = DEFAULT_PHONE_SPEED, delay } = this.#options;
    const cable = createCable(this.timeline, { speed, ...(delay === undefined ? {} : { delay }) });
    const place = this.#phones.size;
    const port = this.switch.connect(cable.a, undefined, portName(place));
    if (this.#options.protected === 'pairs') port.community = Math.floor(place / 2);
    const phone = { cable, port };
    this.#phones.set(key, phone);
    return phone;
  }

  #addNetwork(vlan: number, tftpServers: number): void {
    if (this.#networks.has(vlan)) return;
    const network = networkOf(vlan);
    this.#networks.set(vlan, network);
    const leg = this.router.addLeg(network.gateway, network.mask);
    const machine = this.#createMachine(`gateway${vlan}`, network, network.gateway, (now, bytes, length) =>
      this.router.receive(now, leg, bytes, length),
    );
    leg.nic = machine.host.nic;
    const tftpAddresses = range(tftpServers).map((index) => this.#addressOf(HOST_NUMBER.tftp + index));
    this.dhcp.addPool({
      network: network.base,
      prefixLength: network.prefixLength,
      first: network.first,
      last: network.last,
      leaseSeconds: DEFAULT_LEASE_SECONDS,
      routers: [network.gateway],
      domainNameServers: [this.#addressOf(HOST_NUMBER.services)],
      domainName: this.#domainName,
      tftpServers: tftpAddresses,
      ...(tftpAddresses[0] === undefined ? {} : { tftpServerName: ipv4Text(tftpAddresses[0]) }),
      ...this.#options.dhcp,
    });
    this.dhcp.serve(machine.host, network.gateway);
  }

  #addressOf(hostNumber: number): Ipv4 {
    return this.network.base + hostNumber;
  }

  #addMachine(name: string, hostNumber: number): LabMachine {
    return this.#createMachine(name, this.network, this.#addressOf(hostNumber));
  }

  #createMachine(
    name: string,
    network: Network,
    address: Ipv4,
    intercept?: (now: Instant, bytes: Uint8Array, length: number) => boolean,
  ): LabMachine {
    const { timeline, seed = 0 } = this.#options;
    const cable = createCable(timeline, { speed: SERVER_SPEED });
    this.switch.connect(cable.a, serverPort(network.vlan), `TenGigabitEthernet1/1/${this.machines.size + 1}`);
    const host = new LabHost({
      timeline,
      rng: new SeededRng(`${seed}/lab/${name}`),
      wire: cable.b,
      mac: labMac(this.instance, this.machines.size + 1),
      address,
      prefixLength: network.prefixLength,
      ...(address === network.gateway ? {} : { router: network.gateway }),
      ...(intercept === undefined ? {} : { intercept }),
    });
    const machine = { name, host, cable };
    this.machines.set(name, machine);
    return machine;
  }

  #configurationFiles(managers: readonly LabMachine[]): ConfigurationFiles {
    const { security = 'none' } = this.#options;
    return new ConfigurationFiles({
      secureCluster: security !== 'none',
      certHash: (deviceName) => this.cluster?.certHash(deviceName) ?? null,
      ...(security === 'none' ? {} : { capf: this.#capfService(managers) }),
      ...this.#options.configuration,
      table: this.devices,
      callManagers: managers.map(({ name, host }) => ({
        name,
        processNodeName: this.#processNodeName(name, host.address),
        sccpPort: this.#options.callManager?.port ?? SCCP_PORT,
        sipPort: this.#options.sipCallManager?.port ?? SIP_PORT,
        ...(security === 'none' ? {} : { securedSccpPort: SECURE_SCCP_PORT }),
      })),
    });
  }

  #cluster(managers: readonly LabMachine[]): SecureCluster | null {
    const { security = 'none', pki, peculiarities, identities, encryptsFiles = false, callManager } = this.#options;
    if (security === 'none') return null;
    return new SecureCluster({
      security,
      now: (callManager?.epoch ?? DEFAULT_EPOCH) / 1_000,
      nodes: managers.map(({ name, host }) => ({
        host: this.#processNodeName(name, host.address),
        address: host.address,
      })),
      ...(pki === undefined ? {} : { pki }),
      ...(peculiarities === undefined ? {} : { peculiarities }),
      ...(identities === undefined ? {} : { identities }),
      encryptsFiles,
      plain: (name) => this.configurationFiles.read(name),
    });
  }

  #clusterFile({ name, client }: FileRequest): Uint8Array | null {
    const { trustedStations } = this.#options;
    if (trustedStations !== undefined && isTrustList(name)) {
      const mac = stationIn(name) ?? this.dhcp.stationAt(client);
      if (mac === null || !trustedStations(mac)) return null;
    }
    return this.cluster?.read(name) ?? null;
  }

  #capfService([publisher]: readonly LabMachine[]): CapfService {
    const host = publisher === undefined ? '' : this.#processNodeName(publisher.name, publisher.host.address);
    return { host, port: CAPF_PORT, authMode: (deviceName) => this.capf?.authMode(deviceName) ?? 0 };
  }

  #processNodeName(name: string, address: Ipv4): string {
    return this.#options.processNodeName === 'name' ? `${name}.${this.#domainName}` : ipv4Text(address);
  }

  /** Every machine by its name; `CiscoCM1`, which phones ask for when DHCP names no TFTP server, is the first TFTP server. */
  #addNames(): void {
    const server = this.machine('dns').host.address;
    for (const { name, host } of this.machines.values()) {
      this.dns.setRecord(server, `${name}.${this.#domainName}`, [host.address]);
    }
    const tftp = this.machines.get('tftp1');
    if (tftp !== undefined) this.dns.setRecord(server, `CiscoCM1.${this.#domainName}`, [tftp.host.address]);
  }
}

/** Empty, with what holds for all devices. */
function deviceTable({ security = 'none', peculiarities, release, autoRegistration }: LabOptions): DeviceTable {
  const table = new DeviceTable(security);
  table.autoRegistration.mixedMode = security !== 'none' && peculiarities?.ctl !== false;
  if (release !== undefined) table.autoRegistration.release = release;
  table.autoRegistration.range = autoRegistration ?? null;
  return table;
}

/** A lab with its services running. */
export function createLab(options: LabOptions): Lab {
  const lab = new Lab(options);
  lab.start();
  return lab;
}

function served<T extends { serve(sockets: LabHost, address: Ipv4): void }>(server: T, host: LabHost): T {
  server.serve(host, host.address);
  return server;
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
