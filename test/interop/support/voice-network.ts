import { mkdirSync, writeFileSync } from 'node:fs';
import { ipv4Text } from '../../../firmware/wire/address.ts';
import { ConfigurationFiles } from '../../../lab/configuration-files.ts';
import { DeviceTable, type NewDevice } from '../../../lab/device-table.ts';
import type { Daemon } from './daemon.ts';
import { startDnsmasq } from './dnsmasq.ts';
import { Lldpd } from './lldpd.ts';
import { startOpenVSwitch } from './open-vswitch.ts';
import { PeerNamespace } from './peer-namespace.ts';
import { startTftpd } from './tftpd.ts';

export const DATA_VLAN = 1;
export const VOICE_VLAN = 100;
/** The server in the voice VLAN: DHCP, TFTP, call manager. */
export const SERVER = ipv4Text(0x0a64_0001);
const DATA_SERVER = ipv4Text(0x0a01_0001);

/** Ours; the phone's board has no say in it. */
export const PHONE_INTERFACE = 'phone0';
export const SWITCH_PORT = 'port1';

export interface VoiceNetworkOptions {
  readonly devices: readonly NewDevice[];
  /** Files besides those of the devices, by name. */
  readonly files?: Readonly<Record<string, Uint8Array>>;
  readonly keepaliveSeconds?: number;
  /** Who serves the files; dnsmasq unless given. */
  readonly tftp?: 'dnsmasq' | 'tftpd-hpa';
  /** Further lines of dnsmasq's configuration. */
  readonly dnsmasq?: readonly string[];
}

/** A whole site in a namespace: switch with a voice VLAN, DHCP with option 150, TFTP with the devices' files, call manager on kernel sockets. */
export interface VoiceNetwork {
  readonly peers: PeerNamespace;
  readonly lldpd: Lldpd;
  readonly dnsmasq: Daemon;
  readonly callManager: Daemon;
  /** Lines that the call manager has printed. */
  events(): readonly Record<string, unknown>[];
  /** Folder that TFTP serves. */
  readonly files: string;
}

export async function startVoiceNetwork(label: string, options: VoiceNetworkOptions): Promise<VoiceNetwork> {
  const peers = new PeerNamespace(label);
  try {
    return await populate(peers, options);
  } catch (error) {
    await peers.close();
    throw error;
  }
}

async function populate(peers: PeerNamespace, options: VoiceNetworkOptions): Promise<VoiceNetwork> {
  peers.link(PHONE_INTERFACE, SWITCH_PORT);
  const { devices, files = {}, keepaliveSeconds = 30, tftp = 'dnsmasq' } = options;
  const folder = peers.path('tftp');
  writeFiles(folder, devices, files);
  await startOpenVSwitch(peers, {
    phonePort: SWITCH_PORT,
    dataVlan: DATA_VLAN,
    voiceVlan: VOICE_VLAN,
    interfaces: [
      { name: 'data', vlan: DATA_VLAN, address: `${DATA_SERVER}/24` },
      { name: 'voice', vlan: VOICE_VLAN, address: `${SERVER}/24` },
    ],
  });
  const lldpd = await Lldpd.start(peers, { interface: SWITCH_PORT, voiceVlan: VOICE_VLAN });
  const dnsmasq = await startDnsmasq(
    peers,
    [
      ...['interface=data', 'interface=voice', 'dhcp-authoritative'],
      ...(tftp === 'dnsmasq' ? ['enable-tftp', `tftp-root=${folder}`] : []),
      ...range('data', DATA_SERVER),
      ...range('voice', SERVER),
      `dhcp-option=tag:voice,150,${SERVER}`,
      ...(options.dnsmasq ?? []),
    ],
    tftp === 'dnsmasq' ? 'DHCP with option 150, TFTP' : 'DHCP with option 150',
  );
  if (tftp === 'tftpd-hpa') await startTftpd(peers, SERVER, folder);
  const job = JSON.stringify({ devices, keepaliveSeconds });
  const callManager = peers.startNode('call manager', 'call-manager-process.ts', job);
  await callManager.ready('listens', () => (callManager.log.includes('ready\n') ? true : null));
  const events = () =>
    callManager.log
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  return { peers, lldpd, dnsmasq, callManager, events, files: folder };
}

/** A range of the interface's own /24 under the interface's name, with the router. */
function range(tag: string, server: string): string[] {
  const network = server.replace(/\d+$/, '');
  return [
    `dhcp-range=set:${tag},${network}50,${network}99,255.255.255.0,1h`,
    `dhcp-option=tag:${tag},option:router,${server}`,
  ];
}

function writeFiles(folder: string, devices: readonly NewDevice[], files: Readonly<Record<string, Uint8Array>>): void {
  const table = new DeviceTable();
  for (const device of devices) table.add(device);
  const callManagers = [{ name: 'cm1', processNodeName: SERVER, sccpPort: 2000, sipPort: 5060 }];
  const generated = new ConfigurationFiles({ table, callManagers });
  mkdirSync(folder);
  for (const { name } of devices) {
    const file = `${name}.cnf.xml`;
    writeFileSync(`${folder}/${file}`, generated.read(file)!);
  }
  for (const [name, octets] of Object.entries(files)) writeFileSync(`${folder}/${name}`, octets);
}
