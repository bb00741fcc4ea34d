/**
 * Tables of the messages that open and close media streams. Sources as in registration.ts. From version 17 on addresses are
 * {type, 16 octets}; version 22 adds a block about modem relay ("latent capabilities").
 */
import { address, i32, ip4, layout, message, octets, pad, text, u8, u16, u32 } from './field.ts';

const STREAM = { conferenceId: u32, passThroughPartyId: u32 };

const KEYS = {
  /** 0 none, 1 AES-CM-128 SHA1-32, 2 AES-CM-128 SHA1-80, 3 and 4 F8, 5 and 6 AEAD GCM. */
  algorithmId: u32,
  keyLen: u16,
  saltLen: u16,
  key: octets(16),
  salt: octets(16),
};

const SINCE_11 = {
  isMkiPresent: u32,
  keyDerivationRate: u32,
  streamPassThroughId: u32,
  associatedStreamId: u32,
  rfc2833PayloadType: u32,
  dtmfType: u32,
};

const SINCE_15 = { mixingMode: u32, partyDirection: u32 };

const LATENT = {
  latentActive: u32,
  latentModemRelayCapAndVer: u32,
  latentModemRelayModAnd2833: u32,
  latentSprtCh0MaxPayload: u16,
  latentSprtCh2MaxPayload: u16,
  latentSprtCh3MaxPayload: u16,
  latentSprtCh2MaxWindow: u16,
  latentSseStandard: u32,
  latentSseVendor: u32,
  latentPayloadNse: u8,
  latentPayloadRfc2833: u8,
  latentPayloadSse: u8,
  latentPayloadV150sprt: u8,
  latentPayloadNoaudio: u8,
  latentFuture1: u8,
  latentFuture2: u8,
  latentFuture3: u8,
};

const OPEN_RECEIVE = {
  ...STREAM,
  msPerPacket: u32,
  codec: u32,
  echoCancel: u32,
  codecParams: octets(4),
  callReference: u32,
  ...KEYS,
  ...SINCE_11,
  ...SINCE_15,
};

const TRANSMIT = {
  remotePort: u32,
  msPerPacket: u32,
  codec: u32,
  /** The octet of the IP header: 184 is EF. */
  precedence: u32,
  silenceSuppression: u32,
  maxFramesPerPacket: u16,
  pad: pad(2),
  codecParams: octets(4),
  callReference: u32,
};

const START_MEDIA = { ...TRANSMIT, ...KEYS, ...SINCE_11, ...SINCE_15 };

const STOP = { ...STREAM, callReference: u32, portHandling: u32 };

const COUNTERS = {
  packetsSent: u32,
  octetsSent: u32,
  packetsReceived: u32,
  octetsReceived: u32,
  packetsLost: u32,
  /** Milliseconds, as is `latency`. */
  jitter: u32,
  latency: u32,
  qualityLen: u32,
};

export const MEDIA = {
  OpenReceiveChannelAck: message(
    0x0022,
    layout({ status: u32, ipAddr: address, port: u32, passThroughPartyId: u32, callReference: u32 }, [], {
      since: 17,
      shortest: 36,
    }),
    layout({ status: u32, ipAddr: ip4, port: u32, passThroughPartyId: u32, callReference: u32 }),
  ),
  /** The text about quality is optional: without a `bodyLength` of its own the body ends before it. */
  ConnectionStatisticsRes: message(
    0x0023,
    layout(
      {
        directoryNumber: text(28),
        callReference: u32,
        processing: u8,
        ...COUNTERS,
        quality: text(600),
      },
      [[22, 68]],
      { shortest: 65 },
    ),
    layout({ directoryNumber: text(28), callReference: u32, processing: u32, ...COUNTERS, quality: text(600) }, [], {
      since: 18,
      shortest: 668,
    }),
    layout({ directoryNumber: text(24), callReference: u32, processing: u32, ...COUNTERS, quality: text(600) }, [
      [0, 60],
    ]),
  ),
  MediaTransmissionFailure: message(
    0x002a,
    layout({ ...STREAM, remoteIpAddr: address, remotePort: u32, callReference: u32 }, [], { since: 17, shortest: 36 }),
    layout({ ...STREAM, remoteIpAddr: ip4, remotePort: u32, callReference: u32 }),
  ),
  PortRes: message(
    0x0045,
    layout(
      {
        conferenceId: u32,
        callReference: u32,
        passThroughPartyId: u32,
        ipAddr: address,
        port: u32,
        rtcpPort: u32,
        mediaType: u32,
      },
      [],
      { since: 17, shortest: 40 },
    ),
    layout({
      conferenceId: u32,
      callReference: u32,
      passThroughPartyId: u32,
      ipAddr: ip4,
      port: u32,
      rtcpPort: u32,
    }),
  ),
  /** 6901 phones add eight zero octets. */
  StartMediaTransmissionAck: message(
    0x0154,
    layout({ ...STREAM, callReference: u32, ipAddr: address, port: u32, status: u32 }, [], { since: 17, shortest: 40 }),
    layout({ ...STREAM, callReference: u32, ipAddr: ip4, port: u32, status: u32 }),
  ),

  StartMediaTransmission: message(
    0x008a,
    layout(
      { ...STREAM, remoteIpAddr: address, ...START_MEDIA, ...LATENT },
      [
        [17, 132],
        [22, 168],
      ],
      { shortest: 132 },
    ),
    layout(
      { ...STREAM, remoteIpAddr: ip4, ...START_MEDIA },
      [
        [0, 44],
        [3, 84],
        [11, 108],
        [15, 116],
      ],
      { shortest: 44 },
    ),
    // CallManager 2.x: no conference, no party, and garbage at the end.
    layout({ remoteIpAddr: ip4, remotePort: u32, msPerPacket: u32, codec: u32, zero: pad(4), garbage: pad(16) }, [], {
      since: 0,
    }),
  ),
  StopMediaTransmission: message(0x008b, STOP),
  OpenReceiveChannel: message(
    0x0105,
    layout(
      {
        ...OPEN_RECEIVE,
        sourceIpAddr: address,
        sourcePort: u32,
        requestedIpAddrType: u32,
        audioLevelAdjustment: i32,
        ...LATENT,
      },
      [
        [17, 128],
        [22, 168],
      ],
      { shortest: 128 },
    ),
    layout({ ...OPEN_RECEIVE, sourceIpAddr: ip4, sourcePort: u32 }, [
      [0, 28],
      [3, 68],
      [11, 92],
      [15, 108],
    ]),
  ),
  CloseReceiveChannel: message(0x0106, STOP),
  ConnectionStatisticsReq: message(
    0x0107,
    layout({ directoryNumber: text(28), callReference: u32, processing: u32 }, [], { since: 18, shortest: 36 }),
    layout({ directoryNumber: text(24), callReference: u32, processing: u32 }),
  ),
  StartMulticastMediaReception: message(
    0x0101,
    layout(
      {
        ...STREAM,
        multicastIp: address,
        port: u32,
        msPerPacket: u32,
        codec: u32,
        echoCancel: u32,
        codecParams: octets(4),
        callReference: u32,
      },
      [],
      { since: 17, shortest: 52 },
    ),
    layout({
      ...STREAM,
      multicastIp: ip4,
      port: u32,
      msPerPacket: u32,
      codec: u32,
      echoCancel: u32,
      codecParams: octets(4),
      callReference: u32,
    }),
  ),
  StartMulticastMediaTransmission: message(
    0x0102,
    layout({ ...STREAM, multicastIp: address, ...TRANSMIT }, [], { since: 17, shortest: 60 }),
    layout({ ...STREAM, multicastIp: ip4, ...TRANSMIT }),
  ),
  StopMulticastMediaReception: message(0x0103, { ...STREAM, callReference: u32 }),
  StopMulticastMediaTransmission: message(0x0104, { ...STREAM, callReference: u32 }),
  StartMediaFailureDetection: message(0x011c, {
    ...STREAM,
    msPerPacket: u32,
    codec: u32,
    echoCancel: u32,
    codecParams: octets(4),
    callReference: u32,
  }),
  NotifyDtmfTone: message(0x0127, { tone: u32, ...STREAM }),
  SendDtmfTone: message(0x0128, { tone: u32, ...STREAM }),
  SubscribeDtmfPayloadReq: message(0x0129, { payloadDtmf: u32, ...STREAM, dtmfType: u32 }),
  UnSubscribeDtmfPayloadReq: message(0x012c, { payloadDtmf: u32, ...STREAM, dtmfType: u32 }),
  PortReq: message(0x014b, {
    conferenceId: u32,
    callReference: u32,
    passThroughPartyId: u32,
    mediaTransportType: u32,
    ipAddressType: u32,
    mediaType: u32,
  }),
  PortClose: message(0x014c, { conferenceId: u32, callReference: u32, passThroughPartyId: u32, mediaType: u32 }),
} as const;
