/**
 * The media of SCCP calls: what the call manager opens, starts, stops and asks about, done through `CallMedia` and answered truthfully.
 *
 *     OpenReceiveChannel         -> OpenReceiveChannelAck       listening, or why not
 *     StartMediaTransmission     -> StartMediaTransmissionAck   (from version 17 on)
 *     CloseReceiveChannel, StopMediaTransmission                no answer; the stream is over when neither way is left
 *     ConnectionStatisticsReq    -> ConnectionStatisticsRes     its figures, also just after the end
 *     PortReq                    -> PortRes
 *
 * A stream is named by its call, or by its conference where a server leaves the call out.
 */
import type { Instant } from '../../../hal/timer.ts';
import { CODEC, MEDIA_STATUS } from '../../wire/sccp/codes.ts';
import type { StationAddress } from '../../wire/sccp/field.ts';
import type { Message, MessageOf, Outgoing } from '../../wire/sccp/message.ts';
import { type CallMedia, DEFAULT_PTIME, type MediaAddress, type MediaFormat } from '../calls.ts';

/** From here on phones acknowledge StartMediaTransmission (7961, 6901). */
const START_ACKNOWLEDGED_SINCE = 17;
/** `requestedIpAddrType` and the type in an address. */
const IPV6 = 1;
const MAX_PTIME = 120;

interface Stream {
  receiving: boolean;
  sending: boolean;
}

const CODEC_NAMES: Readonly<Record<number, MediaFormat['codec']>> = {
  [CODEC.g711Ulaw]: 'PCMU',
  [CODEC.g711Alaw]: 'PCMA',
};

/** Why not, as a media status. */
function formatOf(codec: number, msPerPacket: number): MediaFormat | number {
  const name = CODEC_NAMES[codec];
  if (name === undefined) return MEDIA_STATUS.invalidCodec;
  const ptime = msPerPacket === 0 ? DEFAULT_PTIME : msPerPacket;
  if (ptime > MAX_PTIME || ptime % 10 !== 0) return MEDIA_STATUS.invalidPacketSize;
  return { codec: name, ptime };
}

/** The number of an IPv4 address; null for one of another family. */
function ipv4Of(address: StationAddress): number | null {
  return typeof address === 'number' ? address : null;
}

export class Streams {
  readonly #media: CallMedia;
  readonly #send: (m: Outgoing) => void;
  readonly #streams = new Map<number, Stream>();

  constructor(media: CallMedia, send: (m: Outgoing) => void) {
    this.#media = media;
    this.#send = send;
  }

  /** @param version the negotiated one. @param current the call that has the user's ear, for servers that name none. True when the message was about media. */
  take(now: Instant, m: Message, version: number, current: number): boolean {
    switch (m.type) {
      case 'OpenReceiveChannel':
        this.#open(now, m, current);
        return true;
      case 'StartMediaTransmission':
        this.#start(now, m, version, current);
        return true;
      case 'CloseReceiveChannel':
      case 'PortClose':
        this.#stop(now, this.#nameOf(m, current), 'receiving');
        return true;
      case 'StopMediaTransmission':
        this.#stop(now, this.#nameOf(m, current), 'sending');
        return true;
      case 'ConnectionStatisticsReq':
        this.#report(now, m, current);
        return true;
      case 'PortReq':
        this.#port(now, m, current);
        return true;
      default:
        return false;
    }
  }

  /** The call is over, whatever the server has forgotten to close. */
  end(now: Instant, call: number): void {
    if (this.#streams.delete(call)) this.#media.close(now, call);
  }

  endAll(now: Instant): void {
    for (const call of [...this.#streams.keys()]) this.end(now, call);
  }

  #nameOf(m: { readonly callReference: number; readonly conferenceId: number }, current: number): number {
    return m.callReference || m.conferenceId || current;
  }

  #streamOf(name: number): Stream {
    const held = this.#streams.get(name);
    if (held !== undefined) return held;
    const stream = { receiving: false, sending: false };
    this.#streams.set(name, stream);
    return stream;
  }

  #open(now: Instant, m: MessageOf<'OpenReceiveChannel'>, current: number): void {
    const { passThroughPartyId, callReference, requestedIpAddrType } = m;
    const format = formatOf(m.codec, m.msPerPacket);
    const name = this.#nameOf(m, current);
    let status: number = MEDIA_STATUS.ok;
    let local: MediaAddress | null = null;
    if (typeof format === 'number') status = format;
    else if (requestedIpAddrType === IPV6) status = MEDIA_STATUS.addressTypeUnavailable;
    else {
      local = this.#media.open(now, name, format);
      if (local === null) status = MEDIA_STATUS.outOfSockets;
      else this.#streamOf(name).receiving = true;
    }
    const { address = 0, port = 0 } = local ?? {};
    this.#send({ type: 'OpenReceiveChannelAck', status, ipAddr: address, port, passThroughPartyId, callReference });
  }

  #start(now: Instant, m: MessageOf<'StartMediaTransmission'>, version: number, current: number): void {
    const { conferenceId, passThroughPartyId, callReference, precedence } = m;
    const format = formatOf(m.codec, m.msPerPacket);
    const name = this.#nameOf(m, current);
    const remote = ipv4Of(m.remoteIpAddr);
    let status: number = MEDIA_STATUS.ok;
    let local: MediaAddress | null = null;
    if (typeof format === 'number') status = format;
    else if (remote === null) status = MEDIA_STATUS.addressTypeUnavailable;
    else {
      // The precedence is the octet of the IP header; a server that has no wish leaves it at zero.
      const dscp = precedence === 0 ? null : (precedence >> 2) & 0x3f;
      local = this.#media.send(now, name, { address: remote, port: m.remotePort }, format, dscp);
      if (local === null) status = MEDIA_STATUS.outOfSockets;
      else this.#streamOf(name).sending = true;
    }
    if (version < START_ACKNOWLEDGED_SINCE) return;
    const { address = 0, port = 0 } = local ?? {};
    this.#send({
      type: 'StartMediaTransmissionAck',
      conferenceId,
      passThroughPartyId,
      callReference,
      ipAddr: address,
      port,
      status,
    });
  }

  #stop(now: Instant, name: number, way: 'receiving' | 'sending'): void {
    const stream = this.#streams.get(name);
    if (stream === undefined) return;
    stream[way] = false;
    if (!stream.receiving && !stream.sending) this.end(now, name);
    else if (way === 'sending') this.#media.stopSending(now, name);
  }

  #report(now: Instant, m: MessageOf<'ConnectionStatisticsReq'>, current: number): void {
    const { directoryNumber, callReference, processing } = m;
    const report = this.#media.report(now, callReference || current);
    this.#send({
      type: 'ConnectionStatisticsRes',
      directoryNumber,
      callReference,
      processing,
      packetsSent: report?.packetsSent ?? 0,
      octetsSent: report?.octetsSent ?? 0,
      packetsReceived: report?.packetsReceived ?? 0,
      octetsReceived: report?.octetsReceived ?? 0,
      packetsLost: report?.packetsLost ?? 0,
      jitter: Math.round(report?.jitter ?? 0),
      latency: Math.round(report?.latency ?? 0),
    });
  }

  #port(now: Instant, m: MessageOf<'PortReq'>, current: number): void {
    const { conferenceId, callReference, passThroughPartyId, mediaType } = m;
    const name = this.#nameOf(m, current);
    const local = this.#media.open(now, name, { codec: 'PCMU', ptime: DEFAULT_PTIME });
    if (local === null) return;
    this.#streamOf(name).receiving = true;
    const { address, port } = local;
    this.#send({
      type: 'PortRes',
      conferenceId,
      callReference,
      passThroughPartyId,
      ipAddr: address,
      port,
      rtcpPort: port + 1,
      mediaType,
    });
  }
}
