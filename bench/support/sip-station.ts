import { createHash } from 'node:crypto';
import { modelNamed } from '../../device/models.ts';
import type { Endpoint, Sockets, TcpGone, TcpSink, TcpSocket, UdpSocket } from '../../firmware/net/sockets.ts';
import type { CallMedia } from '../../firmware/protocols/calls.ts';
import type { RegistrationClientIn, RegistrationClientOut } from '../../firmware/protocols/registration-client.ts';
import type { SipSettings } from '../../firmware/protocols/sip/settings.ts';
import { SipClient } from '../../firmware/protocols/sip.ts';
import type { Ipv4, Mac } from '../../hal/nic.ts';
import type { Alarm, Timeline } from '../../hal/timeline.ts';
import type { Instant } from '../../hal/timer.ts';
import { type TunableValues, tunableValues } from '../../hal/tunables.ts';
import { SeededRng } from '../../hal/virtual/rng.ts';
import type { MemoryTcp } from './memory-tcp.ts';

const TUNABLES = tunableValues();

/** What CUCM writes for a phone with one line. */
export function sipSettingsFor(number: string, password = ''): SipSettings {
  return {
    transport: 'tcp',
    voipControlPort: 5060,
    timerRegisterExpires: 3600,
    timerRegisterDelta: 5,
    timerKeepAliveExpires: 120,
    timerT1: 500,
    timerT2: 4000,
    maxRedirects: 70,
    dateTemplate: 'M/D/Y',
    lines: [
      {
        instance: 1,
        name: number,
        contact: `5da3d1a5-1111-4222-a333-${number.padStart(12, '0')}`,
        displayName: `Phone ${number}`,
        label: number,
        authName: password === '' ? '' : number,
        authPassword: password,
      },
    ],
  };
}

export interface SipStationOptions {
  readonly mac: Mac;
  readonly number: string;
  readonly model?: string;
  readonly address?: Ipv4;
  /** Of the call manager, as the configuration names it. */
  readonly host?: string;
  readonly settings?: SipSettings;
  readonly tunables?: TunableValues;
  readonly media?: CallMedia;
  readonly hear?: (now: Instant, out: RegistrationClientOut) => void;
}

/** A SIP client machine on a connection, or a UDP port, and a timeline: as much of a phone as registers. */
export class SipStation implements TcpSink {
  readonly client: SipClient;
  readonly heard: RegistrationClientOut[] = [];
  readonly #timeline: Timeline;
  readonly #alarm: Alarm;
  readonly #options: SipStationOptions;
  readonly #address: Ipv4;
  #socket: TcpSocket | null = null;
  #datagrams: { readonly socket: UdpSocket; readonly server: Endpoint } | null = null;

  constructor(timeline: Timeline, options: SipStationOptions) {
    const model = modelNamed(options.model ?? '8861')!;
    this.#timeline = timeline;
    this.#alarm = timeline.createAlarm(() => this.#drain());
    this.#options = options;
    this.#address = options.address ?? 0x0a00_0005;
    this.client = new SipClient({
      model,
      deviceName: `SEP${options.mac.toString(16).toUpperCase().padStart(12, '0')}`,
      mac: options.mac,
      load: model.loads.sip ?? '',
      inactiveLoad: '',
      settings: options.settings ?? sipSettingsFor(options.number),
      host: options.host ?? '10.0.0.1',
      tunables: options.tunables ?? TUNABLES,
      rng: new SeededRng(options.mac),
      hash: (octets) => createHash('md5').update(octets).digest(),
      calendar: () => Date.UTC(2026, 10, 22, 8),
      ...(options.media === undefined ? {} : { media: options.media }),
    });
  }

  dial(network: MemoryTcp, port = 5060): void {
    this.#socket = network.connectFrom(this.#address, port, this);
  }

  /** On a connection that somebody else has opened. */
  attach(socket: TcpSocket): void {
    this.#socket = socket;
  }

  /** Over UDP from a port of its own, and registers. Throws when there is none left. */
  bind(sockets: Sockets, server: Endpoint): void {
    const socket = sockets.udp(0, (_now, octets) => this.input({ kind: 'data', octets }));
    if (socket === null) throw new Error('no UDP port is left');
    this.#datagrams = { socket, server };
    this.#register(socket.port);
  }

  input(input: RegistrationClientIn): void {
    this.client.process(this.#timeline.now(), input);
    this.#drain();
  }

  /** RST. */
  hangUp(): void {
    this.#socket?.abort(this.#timeline.now());
  }

  /** The outputs of a kind, in order. */
  of<K extends RegistrationClientOut['kind']>(kind: K): Extract<RegistrationClientOut, { kind: K }>[] {
    return this.heard.filter((out): out is Extract<RegistrationClientOut, { kind: K }> => out.kind === kind);
  }

  connected(): void {
    this.#register(this.#socket!.local.port, this.#socket!.local.address);
  }

  #register(ownPort: number, ownAddress = this.#address): void {
    this.input({ kind: 'connected', ownAddress, ownPort });
    this.input({ kind: 'register', alarm: { reason: 'initialized' }, versionStamp: '' });
  }

  data(_now: Instant, octets: Uint8Array): void {
    this.input({ kind: 'data', octets });
  }

  ended(now: Instant): void {
    this.#socket?.close(now);
  }

  writable(): void {}

  gone(_now: Instant, why: TcpGone): void {
    this.input({ kind: 'gone', why });
  }

  #write(now: Instant, octets: Uint8Array): void {
    const datagrams = this.#datagrams;
    if (datagrams === null) this.#socket?.write(now, octets);
    else datagrams.socket.send(now, datagrams.server, octets);
  }

  #drain(): void {
    const now = this.#timeline.now();
    const { hear } = this.#options;
    this.client.dispatch(now, (out) => {
      if (out.kind === 'write') this.#write(now, out.octets);
      else if (out.kind === 'close') {
        this.#socket?.close(now);
        this.#datagrams?.socket.close();
      } else if (hear === undefined) this.heard.push(out);
      else hear(now, out);
    });
    this.#alarm.arm(this.client.pollAt());
  }
}
