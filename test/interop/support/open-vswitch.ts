import { mkdirSync } from 'node:fs';
import { eventually } from './eventually.ts';
import { peerRan } from './interop-run.ts';
import type { PeerNamespace } from './peer-namespace.ts';
import { versionOf } from './versions.ts';

const SCHEMA = '/usr/share/openvswitch/vswitch.ovsschema';

/** An interface of the switch itself, as a server on an access port has it. */
export interface SwitchInterface {
  readonly name: string;
  readonly vlan: number;
  /** With prefix length. */
  readonly address: string;
}

export interface SwitchPlan {
  /** Interface of the namespace that leads to the phone. */
  readonly phonePort: string;
  readonly dataVlan: number;
  readonly voiceVlan: number;
  readonly interfaces: readonly SwitchInterface[];
}

/**
 * Open vSwitch with its datapath in user space, which knows 802.1Q whatever the kernel was built with: the phone's port carries the data VLAN without
 * a tag and the voice VLAN with one.
 */
export async function startOpenVSwitch(peers: PeerNamespace, plan: SwitchPlan): Promise<void> {
  const folder = peers.path('ovs');
  mkdirSync(folder);
  const database = `${folder}/conf.db`;
  const socket = `unix:${folder}/db.sock`;
  const environment = { OVS_RUNDIR: folder, OVS_LOGDIR: folder, OVS_DBDIR: folder };
  const control = (...args: readonly string[]) => peers.run('ovs-vsctl', `--db=${socket}`, '--timeout=15', ...args);
  peers.run('ovsdb-tool', 'create', database, SCHEMA);
  const server = peers.start('ovsdb-server', ['ovsdb-server', database, `--remote=p${socket}`], environment);
  await server.ready('answers', () =>
    peers.try('ovs-vsctl', `--db=${socket}`, '--no-wait', 'init').status === 0 ? true : null,
  );
  peers.start('ovs-vswitchd', ['ovs-vswitchd', socket], environment);
  const ports = plan.interfaces.flatMap(({ name, vlan }) => [
    ...['--', 'add-port', 'br0', name, `tag=${vlan}`],
    ...['--', 'set', 'interface', name, 'type=internal'],
  ]);
  control(
    ...['add-br', 'br0', '--', 'set', 'bridge', 'br0', 'datapath_type=netdev'],
    ...['--', 'add-port', 'br0', plan.phonePort, 'vlan_mode=native-untagged'],
    ...[`tag=${plan.dataVlan}`, `trunks=${plan.voiceVlan}`, ...ports],
  );
  for (const { name, address } of plan.interfaces) {
    await eventually(`${name} appears`, 10, () => (peers.try('ip', 'link', 'show', name).status === 0 ? true : null));
    peers.withoutOffload(name);
    peers.run('ip', 'addr', 'add', address, 'dev', name);
    peers.run('ip', 'link', 'set', name, 'up');
  }
  peerRan('Open vSwitch', versionOf('ovs-vswitchd', '--version'), 'switch');
}
