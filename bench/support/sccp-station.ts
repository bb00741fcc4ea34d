import { modelNamed } from '../../device/models.ts';
import type { TcpGone, TcpSink, TcpSocket } from '../../firmware/net/sockets.ts';
import { SccpClient, type SccpIn, type SccpOut } from '../../firmware/protocols/sccp.ts';
import type { Ipv4, Mac } from '../../hal/nic.ts';
import type { Alarm, Timeline } from '../../hal/timeline.ts';
import type { Instant } from '../../hal/timer.ts';
import { type TunableValues, tunableValues } from '../../hal/tunables.ts';
import { SeededRng } from '../../hal/virtual/rng.ts';
import type { MemoryTcp } from './memory-tcp.ts';

const TUNABLES = tunableValues();

export interface StationOptions {
  readonly mac: Mac;
  readonly model?: string;
  readonly address?: Ipv4;
  readonly tunables?: TunableValues;
  readonly hear?: (now: Instant, out: SccpOut) => void;
}

/** An SCCP client machine on a connection and a timeline: as much of a phone as registers. */
export class SccpStation implements TcpSink {
  readonly client: SccpClient;
  readonly heard: SccpOut[] = [];
  readonly #timeline: Timeline;
  readonly #alarm: Alarm;
  readonly #hear: ((now: Instant, out: SccpOut) => void) | null;
  readonly #address: Ipv4;
  #socket: TcpSocket | null = null;

  constructor(timeline: Timeline, options: StationOptions) {
    const model = modelNamed(options.model ?? '7975')!;
    this.#timeline = timeline;
    this.#alarm = timeline.createAlarm(() => this.#drain());
    this.#hear = options.hear ?? null;
    this.#address = options.address ?? 0x0a00_0005;
    this.client = new SccpClient({
      model,
      deviceName: `SEP${options.mac.toString(16).toUpperCase().padStart(12, '0')}`,
      mac: options.mac,
      load: model.loads.sccp ?? '',
      tunables: options.tunables ?? TUNABLES,
      rng: new SeededRng(options.mac),
    });
  }

  dial(network: MemoryTcp, port = 2000): void {
    this.#socket = network.connectFrom(this.#address, port, this);
  }

  /** On a connection that somebody else opens. */
  attach(socket: TcpSocket): void {
    this.#socket = socket;
  }

  input(input: SccpIn): void {
    this.client.process(this.#timeline.now(), input);
    this.#drain();
  }

  /** The outputs of a kind, in order. */
  of<K extends SccpOut['kind']>(kind: K): Extract<SccpOut, { kind: K }>[] {
    return this.heard.filter((out): out is Extract<SccpOut, { kind: K }> => out.kind === kind);
  }

  connected(): void {
    this.input({ kind: 'connected', ownAddress: this.#address });
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

  #drain(): void {
    const now = this.#timeline.now();
    this.client.dispatch(now, (out) => {
      if (out.kind === 'write') this.#socket?.write(now, out.octets);
      else if (out.kind === 'close') this.#socket?.close(now);
      else if (this.#hear === null) this.heard.push(out);
      else this.#hear(now, out);
    });
    this.#alarm.arm(this.client.pollAt());
  }
}
