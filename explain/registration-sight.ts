import type { PhoneConfiguration } from '../firmware/phone/config/phone-configuration.ts';
import { ipv4Text, parseIpv4 } from '../firmware/wire/address.ts';
import type { Ipv4 } from '../hal/nic.ts';
import type { Server } from './connections.ts';
import type { Sight, Story } from './story.ts';

export type Transport = 'tcp' | 'tls' | 'udp';

/** A call manager that the phone speaks to, or tries to. */
export interface Manager {
  readonly server: Server;
  readonly protocol: 'sccp' | 'sip';
  readonly transport: Transport;
}

/** Step 9 from outside: whom the phone has asked, who has taken it, and how that ended. */
export class RegistrationSight {
  readonly #story: Story;
  readonly #names = new Map<Ipv4, string>();
  readonly #configuration: () => PhoneConfiguration | null;
  #current: { readonly manager: Manager; isLeaving: boolean; leftAt: Sight | null } | null = null;
  #failures = 0;

  constructor(story: Story, configuration: () => PhoneConfiguration | null) {
    this.#story = story;
    this.#configuration = configuration;
  }

  get isRegistered(): boolean {
    return this.#current !== null && this.#current.leftAt === null;
  }

  /** DNS has given this address to this name. */
  named(name: string, address: Ipv4): void {
    if (this.#names.size < 64) this.#names.set(address, name);
  }

  /** The phone turns to a call manager; beside a registration it does so to keep a second one warm. */
  trying(sight: Sight): void {
    if (this.isRegistered) return;
    this.over(sight);
    if (!this.#story.is('call-manager')) this.#story.enter('call-manager', sight);
    this.#story.note(sight);
  }

  note(sight: Sight): void {
    if (this.#story.is('call-manager')) this.#story.note(sight);
  }

  connected(manager: Manager, sight: Sight): void {
    this.#connect(manager, 'connected', sight);
  }

  failed(manager: Manager, reason: string, sight: Sight): void {
    this.#failures++;
    this.#connect(manager, 'failed', sight, reason);
  }

  accepted(manager: Manager, lines: readonly string[], keepaliveSeconds: number, sight: Sight): void {
    if (this.isRegistered) return;
    this.trying(sight);
    const { server, protocol, transport } = manager;
    this.#current = { manager, isLeaving: false, leftAt: null };
    this.#story.tell(
      'registration.accepted',
      {
        host: this.#hostOf(server.address),
        port: server.port,
        protocol,
        transport,
        lines,
        elapsed: sight.at - this.#story.from.at,
        keepaliveSeconds,
      },
      sight,
    );
    if (this.#story.is('call-manager')) this.#story.leave('done', undefined, sight);
  }

  rejected(manager: Manager, reason: string, sight: Sight): void {
    if (this.isRegistered) return;
    this.trying(sight);
    this.#story.tell('registration.rejected', { host: this.#hostOf(manager.server.address), reason }, sight);
    this.#story.leave('failed', 'register.rejected', sight);
  }

  resetRequested({ server }: Manager, kind: 'reset' | 'restart' | 'apply-config', sight: Sight): void {
    this.#story.tell('reset.requested', { by: this.#hostOf(server.address), kind }, sight);
  }

  /** The phone takes its registration back. */
  leaving(manager: Manager): void {
    if (this.#current?.manager === manager) this.#current.isLeaving = true;
  }

  /** The conversation is over. */
  closed(manager: Manager, reason: string, sight: Sight): void {
    const current = this.#current;
    if (current === null || current.manager !== manager || current.leftAt !== null) return;
    // A phone that leaves and does nothing more was registered; what it does next may say otherwise.
    if (current.isLeaving) current.leftAt = sight;
    else {
      this.#lost(reason, sight);
      this.#story.enter('call-manager', sight);
      this.#story.note(sight);
    }
  }

  /** The phone begins an earlier step: its registration is a thing of the past. */
  over(sight: Sight): void {
    if (this.#current === null) return;
    const { leftAt } = this.#current;
    this.#lost(leftAt === null ? 'restarted' : 'left', leftAt ?? sight);
  }

  /** The phone has left on its own wish. */
  get hasLeft(): boolean {
    return this.#current !== null && this.#current.leftAt !== null;
  }

  finish(end: Sight, unreached: readonly string[]): void {
    if (!this.#story.is('call-manager')) return;
    if (this.#configuration()?.callManagers.length === 0) {
      this.#story.leave('failed', 'config.no-callmanager', end);
      return;
    }
    if (this.#failures === 0 && unreached.length === 0) return;
    this.#story.leave('failed', 'callmanager.unreachable', end, unreached.join(', ') || undefined);
  }

  #lost(reason: string, sight: Sight): void {
    const { server } = this.#current!.manager;
    this.#current = null;
    this.#story.tell('registration.lost', { host: this.#hostOf(server.address), reason }, sight);
  }

  #connect({ server, transport }: Manager, outcome: 'connected' | 'failed', sight: Sight, reason?: string): void {
    const host = this.#hostOf(server.address);
    const { address, port } = server;
    const priority = this.#memberOf(address)?.priority ?? 0;
    const fields = { host, port, transport, priority, outcome };
    this.#story.tell('callmanager.connect', reason === undefined ? fields : { ...fields, reason }, sight);
  }

  /** As the configuration names it. */
  #hostOf(address: Ipv4): string {
    return this.#memberOf(address)?.host ?? this.#names.get(address) ?? ipv4Text(address);
  }

  #memberOf(address: Ipv4) {
    const name = this.#names.get(address)?.toLowerCase();
    return this.#configuration()?.callManagers.find(
      ({ host }) => parseIpv4(host) === address || (name !== undefined && host.toLowerCase() === name),
    );
  }
}
