import { earlier, type Instant, NEVER } from '../../hal/timer.ts';
import type { Endpoint, Mark, UdpSocket } from '../net/sockets.ts';
import type { Stack } from '../net/stack.ts';
import type { CallMedia, MediaAddress, MediaFormat, MediaReport } from '../protocols/calls.ts';
import { MediaEndpoint, type MediaOut } from '../protocols/media/endpoint.ts';
import type { VoiceSource } from '../protocols/media/voice-source.ts';
import { ipv4Text } from '../wire/address.ts';
import type { PhoneContext } from './phone-context.ts';

/** Ports of real phones: even ones for RTP, the next for RTCP. A configuration for SIP may name others. */
const FIRST_PORT = 16_384;
const LAST_PORT = 32_766;
/** A phone has a handful of calls; that many pairs are not taken by anything else. */
const MOST_TRIES = 64;

/** Streams whose figures are kept after they were closed: the call manager asks for them at the end of a call. */
const KEPT_REPORTS = 8;

const NO_OCTETS = Object.freeze(new Uint8Array(0)) as Uint8Array;

/** The audio of a phone's calls, on its stack. It holds nothing until the first call needs it. */
export class PhoneMedia implements CallMedia {
  readonly #phone: PhoneContext;
  #streams: Map<number, Stream> | null = null;
  #reports: Map<number, MediaReport> | null = null;

  constructor(phone: PhoneContext) {
    this.#phone = phone;
  }

  open(now: Instant, call: number, _format: MediaFormat): MediaAddress | null {
    return this.#streamOf(now, call)?.local ?? null;
  }

  send(
    now: Instant,
    call: number,
    to: MediaAddress,
    format: MediaFormat,
    dscp: number | null = null,
  ): MediaAddress | null {
    const stream = this.#streamOf(now, call);
    if (stream === null) return null;
    stream.marking.mark = this.#mark(dscp);
    if (!stream.talk(now, to, format, this.#source())) return stream.local;
    this.#phone.hal.trace.event('media.start', {
      call,
      codec: format.codec,
      ptime: format.ptime,
      local: textOf(stream.local),
      remote: textOf(to),
      dscp: stream.marking.mark.dscp,
    });
    return stream.local;
  }

  stopSending(now: Instant, call: number): void {
    this.#streams?.get(call)?.quiet(now);
  }

  close(now: Instant, call: number): void {
    const stream = this.#streams?.get(call);
    if (stream === undefined) return;
    this.#streams!.delete(call);
    stream.close(now);
    const report = stream.endpoint.report();
    const reports = this.#reports ?? new Map<number, MediaReport>();
    this.#reports = reports;
    reports.delete(call);
    reports.set(call, report);
    if (reports.size > KEPT_REPORTS) reports.delete(reports.keys().next().value!);
    if (stream.format === null) return;
    const { packetsSent, packetsReceived, packetsLost, jitter, latency } = report;
    this.#phone.hal.trace.event('media.stop', {
      call,
      codec: stream.format.codec,
      packetsSent,
      packetsReceived,
      lost: packetsLost,
      jitter,
      latency,
    });
  }

  /** The address is gone, and with it what was bound to it. */
  closeAll(now: Instant): void {
    for (const call of [...(this.#streams?.keys() ?? [])]) this.close(now, call);
  }

  /** Of all streams together. */
  get packetsReceived(): number {
    let sum = 0;
    for (const { endpoint } of this.#streams?.values() ?? []) sum += endpoint.packetsReceived;
    return sum;
  }

  report(_now: Instant, call: number): MediaReport | null {
    return this.#streams?.get(call)?.endpoint.report() ?? this.#reports?.get(call) ?? null;
  }

  dispatch(now: Instant): void {
    if (this.#streams === null) return;
    for (const stream of this.#streams.values()) if (stream.endpoint.pollAt() <= now) stream.dispatch(now);
  }

  pollAt(): Instant {
    if (this.#streams === null) return NEVER;
    let at = NEVER;
    for (const stream of this.#streams.values()) at = earlier(at, stream.endpoint.pollAt());
    return at;
  }

  #streamOf(now: Instant, call: number): Stream | null {
    this.#streams ??= new Map();
    const held = this.#streams.get(call);
    if (held !== undefined) return held;
    const { hal, stack, facts } = this.#phone;
    if (stack.address === 0) return null;
    const stream = new Stream(this.#phone, now, this.#mark(null));
    const { first = FIRST_PORT, last = LAST_PORT } = facts.configuration?.sip?.mediaPorts ?? {};
    const pairs = Math.floor((last - first) / 2) + 1;
    const start = hal.rng.below(pairs);
    for (let k = 0; k < Math.min(MOST_TRIES, pairs); k++) {
      if (!stream.bind(first + 2 * ((start + k) % pairs))) continue;
      this.#streams.set(call, stream);
      return stream;
    }
    return null;
  }

  /** The policy of the switch counts first, then what the call manager says, then the configuration or the default. */
  #mark(dscp: number | null): Mark {
    const { voice, source } = this.#phone.facts.marking;
    return dscp === null || source === 'policy' ? voice : { priority: voice.priority, dscp };
  }

  #source(): VoiceSource {
    const { microphone, tunables } = this.#phone.hal;
    if (microphone !== undefined) return { kind: 'file', octets: microphone };
    return { kind: tunables['media.source'] === 'tone' ? 'tone' : 'silence' };
  }
}

/** The two sockets of a stream and the machine between them. */
class Stream {
  readonly endpoint: MediaEndpoint;
  /** Read by both sockets for each datagram. */
  readonly marking: { mark: Mark };
  /** Of what is, or was, sent; null while nothing was. */
  format: MediaFormat | null = null;
  readonly #stack: Stack;
  #rtp: UdpSocket | null = null;
  #rtcp: UdpSocket | null = null;
  #remote: Endpoint | null = null;
  #remoteControl: Endpoint | null = null;
  #now: Instant = 0;
  /** One object for all that comes in: a packet costs none. */
  readonly #in: { kind: 'rtp' | 'rtcp'; octets: Uint8Array } = { kind: 'rtp', octets: NO_OCTETS };
  readonly #emit = (out: MediaOut): void => {
    if (out.kind === 'rtp') this.#rtp!.send(this.#now, this.#remote!, out.octets);
    else if (this.#remoteControl !== null) this.#rtcp!.send(this.#now, this.#remoteControl, out.octets);
  };

  constructor({ hal, stack }: PhoneContext, now: Instant, mark: Mark) {
    this.#stack = stack;
    this.marking = { mark };
    const cname = `${hal.board.deviceName}@${ipv4Text(stack.address)}`;
    this.endpoint = new MediaEndpoint(now, { rng: hal.rng, cname, epoch: hal.wallClock.now() });
  }

  /** Takes this port and the next; false when one of them is somebody's. */
  bind(port: number): boolean {
    this.#rtp = this.#stack.udp(port, (now, octets) => this.#take(now, 'rtp', octets), this.marking);
    if (this.#rtp === null) return false;
    this.#rtcp = this.#stack.udp(port + 1, (now, octets) => this.#take(now, 'rtcp', octets), this.marking);
    if (this.#rtcp === null) this.#rtp.close();
    return this.#rtcp !== null;
  }

  get local(): MediaAddress {
    return { address: this.#stack.address, port: this.#rtp!.port };
  }

  /** False when it talks there, and so, already. */
  talk(now: Instant, to: MediaAddress, format: MediaFormat, source: VoiceSource): boolean {
    const remote = this.#remote;
    const isSame = remote?.address === to.address && remote.port === to.port;
    if (isSame && this.format?.codec === format.codec && this.format.ptime === format.ptime) return false;
    this.format = format;
    this.#remote = { address: to.address, port: to.port };
    this.#remoteControl = { address: to.address, port: to.port + 1 };
    this.endpoint.process(now, { kind: 'send', format, source });
    return true;
  }

  quiet(now: Instant): void {
    this.#remote = null;
    this.endpoint.process(now, { kind: 'stop' });
  }

  close(now: Instant): void {
    this.endpoint.process(now, { kind: 'close' });
    this.dispatch(now);
    this.#rtp!.close();
    this.#rtcp!.close();
  }

  dispatch(now: Instant): void {
    this.#now = now;
    this.endpoint.dispatch(now, this.#emit);
  }

  #take(now: Instant, kind: 'rtp' | 'rtcp', octets: Uint8Array): void {
    this.#in.kind = kind;
    this.#in.octets = octets;
    const due = this.endpoint.pollAt();
    this.endpoint.process(now, this.#in);
    if (this.endpoint.pollAt() === due) this.#stack.nothingFollows();
  }
}

function textOf({ address, port }: MediaAddress): string {
  return `${ipv4Text(address)}:${port}`;
}
