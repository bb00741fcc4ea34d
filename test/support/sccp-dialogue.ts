import { modelNamed } from '../../device/models.ts';
import { isMalformed } from '../../firmware/malformed.ts';
import type { CallMedia } from '../../firmware/protocols/calls.ts';
import { SccpClient, type SccpIn, type SccpOut } from '../../firmware/protocols/sccp.ts';
import * as sccp from '../../firmware/wire/sccp/message.ts';
import { FrameStream } from '../../firmware/wire/sccp/stream.ts';
import { type Instant, SECOND } from '../../hal/timer.ts';
import { type TunableValues, tunableValues } from '../../hal/tunables.ts';
import { SeededRng } from '../../hal/virtual/rng.ts';

export const NAME = 'SEP02005EC0FFEE';
export const OWN = 0x0a64_2801;

type Out = Exclude<SccpOut, { kind: 'write' }>;

/** A client and a server that a test speaks for, with times in seconds. */
export class Dialogue {
  readonly client: SccpClient;
  /** Messages sent and not yet looked at. */
  sent: sccp.Message[] = [];
  out: Out[] = [];
  now: Instant = 0;
  version = 22;
  readonly #stream = new FrameStream();

  constructor(model = '7975', tunables: Partial<TunableValues> = {}, media?: CallMedia) {
    const row = modelNamed(model)!;
    this.client = new SccpClient({
      model: row,
      deviceName: NAME,
      mac: 0x0200_5ec0_ffee,
      load: row.loads.sccp!,
      tunables: tunableValues(tunables),
      rng: new SeededRng(1),
      ...(media === undefined ? {} : { media }),
    });
  }

  input(input: SccpIn): this {
    this.client.process(this.now, input);
    return this.drain();
  }

  /** The server speaks. */
  say(...messages: readonly sccp.Outgoing[]): this {
    const dialect = { version: this.version, headerVersion: 0, utf8: true };
    const octets = Buffer.concat(messages.map((m) => sccp.encode(m, dialect)));
    return this.input({ kind: 'data', octets: Uint8Array.from(octets) });
  }

  /** Time passes; deadlines on the way are kept. */
  at(seconds: number): this {
    const until = seconds * SECOND;
    while (this.client.pollAt() <= until) {
      this.now = Math.max(this.now, this.client.pollAt());
      this.drain();
    }
    this.now = until;
    return this;
  }

  drain(): this {
    this.client.dispatch(this.now, (out) => {
      if (out.kind !== 'write') {
        this.out.push(out);
        return;
      }
      this.#stream.push(out.octets, (bytes, offset, length) => {
        const m = sccp.parse(bytes, offset, length, this.version);
        if (isMalformed(m)) throw new Error(m.reason);
        this.sent.push(m);
        return true;
      });
    });
    return this;
  }

  /** Names of what was sent since the last look. */
  took(): string[] {
    const names = this.sent.map((m) => m.type);
    this.sent = [];
    return names;
  }

  /** Outputs since the last look, those about the screen left out. */
  heard(): Out[] {
    const out = this.out.filter(({ kind }) => kind !== 'display');
    this.out = [];
    return out;
  }

  begin(): this {
    return this.input({ kind: 'connected', ownAddress: OWN }).input({
      kind: 'register',
      alarm: { reason: 'initialized' },
      versionStamp: '',
    });
  }
}
