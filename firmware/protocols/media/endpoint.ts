/**
 * One call's audio: an RTP sender, an RTP receiver with its figures, and RTCP for both (RFC 3550, profile RFC 3551). The owner binds it to two UDP
 * ports and makes one when a call gets its media, not before.
 *
 *     listening  --send-->  talking  --stop-->  listening       any --close--> over
 *
 * A packet costs no allocation: the sender has one packet in which it changes the sequence number and the timestamp, and inputs and outputs of the hot way
 * may be one object each, used again and again (`MediaOut.octets` is valid until `emit` returns).
 */
import type { Rng } from '../../../hal/rng.ts';
import { type Duration, earlier, type Instant, MILLISECOND, NEVER, SECOND } from '../../../hal/timer.ts';
import type { Machine } from '../../machine.ts';
import { isMalformed } from '../../malformed.ts';
import { putU16, putU32 } from '../../wire/octets.ts';
import * as rtcp from '../../wire/rtcp.ts';
import * as rtp from '../../wire/rtp.ts';
import { type MediaFormat, type MediaReport, PAYLOAD_TYPE } from '../calls.ts';
import { Reception } from './reception.ts';
import { fillFrom, fillSteady, SAMPLE_RATE, type VoiceSource } from './voice-source.ts';

export type MediaIn =
  | { readonly kind: 'send'; readonly format: MediaFormat; readonly source: VoiceSource }
  | { readonly kind: 'stop' }
  /** Stops, and says BYE. */
  | { readonly kind: 'close' }
  /** A datagram that came to the port of RTP, or to the one above. */
  | { readonly kind: 'rtp' | 'rtcp'; readonly octets: Uint8Array };

export interface MediaOut {
  readonly kind: 'rtp' | 'rtcp';
  readonly octets: Uint8Array;
}

export interface MediaEndpointOptions {
  readonly rng: Rng;
  /** RTCP's canonical name, `SEP…@10.0.0.5`. */
  readonly cname: string;
  /** Milliseconds since 1970, for the time in sender reports. */
  readonly epoch: number;
}

/** RFC 3550 6.2: the least interval of reports, half of it before the first; two members of one call never need a longer one. */
const REPORT_INTERVAL: Duration = 5 * SECOND;
/** RFC 3550 6.3.1: makes up for timer reconsideration, e - 3/2. */
const COMPENSATION = 1.218_28;
/** A sender that is further behind skips what it did not say, as a phone's converter would. */
const MAX_BEHIND: Duration = 200 * MILLISECOND;
/** Seconds from 1900, where NTP counts from, to 1970. */
const NTP_OFFSET = 2_208_988_800;

/** In the second octet of the header. */
const MARKER = 0x80;

const NO_OCTETS = Object.freeze(new Uint8Array(0)) as Uint8Array;

interface Talk {
  readonly format: MediaFormat;
  readonly source: VoiceSource;
  readonly interval: Duration;
  readonly samples: number;
  readonly packet: Uint8Array;
  readonly payload: Uint8Array;
  /** The first packet is written. */
  begun: boolean;
  /** Place in a file. */
  place: number;
  at: Instant;
}

export class MediaEndpoint implements Machine<MediaIn, MediaOut> {
  readonly #options: MediaEndpointOptions;
  readonly #began: Instant;
  readonly #ssrc: number;
  #sequence: number;
  #timestamp: number;
  #talk: Talk | null = null;
  #packetsSent = 0;
  #octetsSent = 0;
  readonly #reception = new Reception();
  readonly #heard = rtp.blank();
  #reportAt: Instant = NEVER;
  #over = false;
  /** A goodbye that is due. */
  #farewell = false;
  /** Middle of the NTP time of the other side's last SR, and when it came. */
  #lastReport = 0;
  #lastReportAt: Instant = 0;
  #roundTrip = 0;
  readonly #out: { kind: 'rtp' | 'rtcp'; octets: Uint8Array } = { kind: 'rtp', octets: NO_OCTETS };

  constructor(now: Instant, options: MediaEndpointOptions) {
    this.#options = options;
    this.#began = now;
    const { rng } = options;
    this.#ssrc = rng.u32();
    this.#sequence = rng.below(0x1_0000);
    this.#timestamp = rng.u32();
  }

  process(now: Instant, input: MediaIn): void {
    if (this.#over) return;
    switch (input.kind) {
      case 'rtp':
        this.#hear(now, input.octets);
        return;
      case 'rtcp':
        this.#hearReport(now, input.octets);
        return;
      case 'send':
        this.#begin(now, input.format, input.source);
        return;
      case 'stop':
        this.#talk = null;
        return;
      case 'close':
        this.#talk = null;
        this.#over = true;
        this.#farewell = this.#reportAt !== NEVER;
        this.#reportAt = NEVER;
        return;
    }
  }

  dispatch(now: Instant, emit: (out: MediaOut) => void): void {
    const talk = this.#talk;
    if (talk !== null && now >= talk.at) {
      this.#skip(now, talk);
      while (now >= talk.at && this.#talk === talk) {
        this.#say(talk);
        this.#out.kind = 'rtp';
        this.#out.octets = talk.packet;
        emit(this.#out);
      }
    }
    if (now >= this.#reportAt) {
      this.#reportAt = now + this.#reportInterval();
      this.#emitReport(now, false, emit);
    }
    if (!this.#farewell) return;
    this.#farewell = false;
    this.#emitReport(now, true, emit);
  }

  pollAt(): Instant {
    if (this.#farewell) return 0;
    return this.#talk === null ? this.#reportAt : earlier(this.#talk.at, this.#reportAt);
  }

  get packetsReceived(): number {
    return this.#reception.packets;
  }

  report(): MediaReport {
    return {
      packetsSent: this.#packetsSent,
      octetsSent: this.#octetsSent,
      packetsReceived: this.#reception.packets,
      octetsReceived: this.#reception.octets,
      packetsLost: this.#reception.lost,
      jitter: this.#reception.jitterMilliseconds,
      latency: this.#roundTrip / 2 / MILLISECOND,
    };
  }

  #begin(now: Instant, format: MediaFormat, source: VoiceSource): void {
    const samples = (format.ptime * SAMPLE_RATE) / 1000;
    const packet = new Uint8Array(rtp.HEADER_LENGTH + samples);
    const payload = packet.subarray(rtp.HEADER_LENGTH);
    const header = {
      // RFC 3551 4.1: the first packet after silence is marked.
      marker: true,
      payloadType: PAYLOAD_TYPE[format.codec],
      sequenceNumber: this.#sequence,
      timestamp: this.#timestamp,
      ssrc: this.#ssrc,
      csrcs: [],
      extension: null,
      padding: 0,
    };
    rtp.emit(header, NO_OCTETS, packet);
    if (source.kind !== 'file') fillSteady(source.kind, format.codec, payload);
    const interval = format.ptime * MILLISECOND;
    this.#talk = { format, source, interval, samples, packet, payload, begun: false, place: 0, at: now };
    this.#wantReports(now);
  }

  #skip(now: Instant, talk: Talk): void {
    const behind = now - talk.at;
    if (behind <= MAX_BEHIND) return;
    const skipped = Math.floor(behind / talk.interval);
    talk.at += skipped * talk.interval;
    this.#timestamp = (this.#timestamp + skipped * talk.samples) >>> 0;
  }

  /** Puts the next packet into the template. */
  #say(talk: Talk): void {
    const { packet, samples, source } = talk;
    if (talk.begun) packet[1] = packet[1]! & ~MARKER;
    talk.begun = true;
    putU16(packet, 2, this.#sequence);
    putU32(packet, 4, this.#timestamp);
    if (source.kind === 'file') talk.place = fillFrom(source.octets, talk.place, talk.format.codec, talk.payload);
    this.#sequence = (this.#sequence + 1) & 0xffff;
    this.#timestamp = (this.#timestamp + samples) >>> 0;
    this.#packetsSent++;
    this.#octetsSent += samples;
    talk.at += talk.interval;
  }

  #hear(now: Instant, octets: Uint8Array): void {
    const packet = rtp.parse(octets, 0, octets.length, this.#heard);
    if (!isMalformed(packet) && this.#reception.take(now, packet)) this.#wantReports(now);
  }

  #hearReport(now: Instant, octets: Uint8Array): void {
    const packets = rtcp.parse(octets);
    if (isMalformed(packets)) return;
    for (const packet of packets) {
      if (packet.kind !== 'SR' && packet.kind !== 'RR') continue;
      if (packet.kind === 'SR') {
        this.#lastReport = middle(packet.ntpSeconds, packet.ntpFraction);
        this.#lastReportAt = now;
      }
      for (const block of packet.blocks) if (block.ssrc === this.#ssrc) this.#measure(now, block);
    }
  }

  /** RFC 3550 6.4.1: the round trip is now less LSR less DLSR. */
  #measure(now: Instant, { lastReport, sinceLastReport }: rtcp.ReportBlock): void {
    if (lastReport === 0) return;
    const { seconds, fraction } = this.#ntp(now);
    const trip = (middle(seconds, fraction) - lastReport - sinceLastReport) | 0;
    this.#roundTrip = Math.max(0, Math.round((trip / 0x1_0000) * SECOND));
  }

  #wantReports(now: Instant): void {
    if (this.#reportAt === NEVER) this.#reportAt = now + Math.floor(this.#reportInterval() / 2);
  }

  /** Between half and one and a half of the interval, so that not all phones report at once. */
  #reportInterval(): Duration {
    const share = 0.5 + this.#options.rng.u32() / 0x1_0000_0000;
    return Math.round((REPORT_INTERVAL * share) / COMPENSATION);
  }

  #emitReport(now: Instant, isLast: boolean, emit: (out: MediaOut) => void): void {
    const sinceLast = this.#lastReport === 0 ? 0 : Math.round(((now - this.#lastReportAt) * 0x1_0000) / SECOND);
    const block = this.#reception.block(this.#lastReport, sinceLast);
    const blocks = block === null ? [] : [block];
    const packets: rtcp.Packet[] = [
      this.#packetsSent === 0
        ? { kind: 'RR', ssrc: this.#ssrc, blocks, rest: NO_OCTETS }
        : this.#senderReport(now, blocks),
      { kind: 'SDES', chunks: [{ ssrc: this.#ssrc, items: [{ type: rtcp.CNAME, text: this.#options.cname }] }] },
    ];
    if (isLast) packets.push({ kind: 'BYE', sources: [this.#ssrc], reason: null });
    const octets = new Uint8Array(rtcp.lengthOf(packets));
    rtcp.emit(packets, octets);
    this.#out.kind = 'rtcp';
    this.#out.octets = octets;
    emit(this.#out);
  }

  #senderReport(now: Instant, blocks: readonly rtcp.ReportBlock[]): rtcp.SenderReport {
    const { seconds, fraction } = this.#ntp(now);
    // The timestamp of this very instant: what the next packet will carry, less the time until it is due.
    const ahead = this.#talk === null ? 0 : Math.floor(((this.#talk.at - now) * SAMPLE_RATE) / SECOND);
    return {
      kind: 'SR',
      ssrc: this.#ssrc,
      ntpSeconds: seconds,
      ntpFraction: fraction,
      rtpTimestamp: (this.#timestamp - ahead) >>> 0,
      packets: this.#packetsSent,
      octets: this.#octetsSent,
      blocks,
      rest: NO_OCTETS,
    };
  }

  #ntp(now: Instant): { seconds: number; fraction: number } {
    const microseconds = this.#options.epoch * 1000 + (now - this.#began);
    const whole = Math.floor(microseconds / SECOND);
    const fraction = Math.floor(((microseconds - whole * SECOND) / SECOND) * 0x1_0000_0000);
    return { seconds: (whole + NTP_OFFSET) % 0x1_0000_0000, fraction };
  }
}

/** The middle 32 of the 64 bits of an NTP time. */
function middle(seconds: number, fraction: number): number {
  return (((seconds & 0xffff) << 16) | (fraction >>> 16)) >>> 0;
}
