import type { Daemon } from './daemon.ts';
import { peerRan } from './interop-run.ts';
import type { PeerNamespace } from './peer-namespace.ts';
import { versionOf } from './versions.ts';

export interface LldpdOptions {
  readonly interface: string;
  /** Announced by LLDP-MED as the VLAN of voice, tagged, priority 5, DSCP 46. */
  readonly voiceVlan?: number;
  /** Speaks CDP version 2 also before it hears any. It never names a voice VLAN by CDP. */
  readonly cdp?: boolean;
}

/** What lldpd knows of its neighbour; `lldpcli -f json0`, where everything is a list. */
export type LldpdNeighbor = Readonly<Record<string, unknown>>;

export class Lldpd {
  readonly daemon: Daemon;
  readonly #peers: PeerNamespace;
  readonly #socket: string;

  private constructor(peers: PeerNamespace, socket: string, daemon: Daemon) {
    this.#peers = peers;
    this.#socket = socket;
    this.daemon = daemon;
  }

  static async start(peers: PeerNamespace, options: LldpdOptions): Promise<Lldpd> {
    const socket = peers.path('lldpd.sock');
    // Class 4 is a network connectivity device; -l: LLDP too where CDP is forced; -H 0: a neighbour that speaks both is shown by both.
    const command = [
      'lldpd',
      '-d',
      '-u',
      socket,
      '-I',
      options.interface,
      '-M',
      '4',
      '-k',
      '-H',
      '0',
      '-S',
      'a switch',
      '-O',
      '/dev/null',
    ];
    const daemon = peers.start('lldpd', [...command, '-l', ...(options.cdp === true ? ['-ccc'] : [])]);
    const lldpd = new Lldpd(peers, socket, daemon);
    await daemon.ready('answers', () =>
      peers.try('lldpcli', '-u', socket, 'show', 'configuration').status === 0 ? true : null,
    );
    lldpd.configure('system', 'hostname', 'test-switch');
    lldpd.configure('system', 'capabilities', 'enabled', 'bridge');
    lldpd.configure('lldp', 'tx-interval', '1');
    lldpd.configure('lldp', 'portidsubtype', 'local', 'Gi1/0/1');
    lldpd.configure('med', 'fast-start', 'enable');
    if (options.voiceVlan !== undefined) lldpd.announceVoiceVlan(options.interface, options.voiceVlan);
    peerRan('lldpd', versionOf('lldpd', '-v'), options.cdp === true ? 'CDP neighbour' : 'LLDP-MED switch');
    return lldpd;
  }

  announceVoiceVlan(name: string, vlan: number): void {
    const policy = ['tagged', 'vlan', String(vlan), 'priority', 'voice', 'dscp', '46'];
    this.configure('ports', name, 'med', 'policy', 'application', 'voice', ...policy);
  }

  configure(...words: readonly string[]): void {
    this.#peers.run('lldpcli', '-u', this.#socket, 'configure', ...words);
  }

  /** Its neighbours by protocol: `LLDP`, `CDPv2`. */
  neighbors(): readonly LldpdNeighbor[] {
    const text = this.#peers.run('lldpcli', '-u', this.#socket, '-f', 'json0', 'show', 'neighbors', 'details');
    const answer = JSON.parse(text) as { lldp?: readonly { interface?: readonly LldpdNeighbor[] }[] };
    return (answer.lldp ?? []).flatMap((one) => one.interface ?? []);
  }
}
