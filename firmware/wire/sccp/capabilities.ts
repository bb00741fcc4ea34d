/**
 * Tables of the messages in which a phone says which codecs it has: one old one, and three that grew video and encryption.
 * The 1840-octet form is that of real 7961 (version 22), 7940 and 7960 phones; the 2100-octet one is Wireshark's alone.
 */
import { array, type Fields, message, octets, u32 } from './field.ts';

const AUDIO = {
  codec: u32,
  /** Milliseconds in practice. */
  maxFramesPerPacket: u32,
  params: octets(8),
};

const PICTURE_FORMAT = {
  width: u32,
  height: u32,
  pixelAspectRatio: u32,
  clockConversionCode: u32,
  clockDivisor: u32,
};

const SERVICE_RESOURCE = {
  layoutCount: u32,
  layouts: octets(20),
  serviceNum: u32,
  maxStreams: u32,
  maxConferences: u32,
  activeConferences: u32,
};

const LEVEL_PREFERENCE = {
  transmitPreference: u32,
  format: u32,
  maxBitRate: u32,
  minBitRate: u32,
  mpi: u32,
  serviceNumber: u32,
};

const VIDEO = {
  codec: u32,
  direction: u32,
  levelPreferenceCount: u32,
  levelPreference: array(4, 'levelPreferenceCount', LEVEL_PREFERENCE),
};

const DATA = { codec: u32, direction: u32, protocolDependentData: u32, maxBitRate: u32 };

function update<V extends Fields, D extends Fields>(video: V, data: D) {
  return {
    audioCapCount: u32,
    videoCapCount: u32,
    dataCapCount: u32,
    rtpPayloadFormat: u32,
    customPictureFormatCount: u32,
    customPictureFormats: array(6, 'customPictureFormatCount', PICTURE_FORMAT),
    confActiveStreams: u32,
    confMaxBw: u32,
    confServiceResourceCount: u32,
    confServiceResources: array(4, 'confServiceResourceCount', SERVICE_RESOURCE),
    audioCaps: array(18, 'audioCapCount', AUDIO),
    videoCaps: array(10, 'videoCapCount', video),
    dataCaps: array(5, 'dataCapCount', data),
  };
}

export const CAPABILITIES = {
  /** Some phones send the used entries only. */
  CapabilitiesRes: message(0x0010, { count: u32, caps: array(18, 'count', AUDIO) }),
  UpdateCapabilities: message(0x0030, update({ ...VIDEO, capUnion: octets(8) }, DATA)),
  UpdateCapabilitiesV2: message(0x0043, update({ ...VIDEO, capUnion: octets(24) }, DATA)),
  UpdateCapabilitiesV3: message(
    0x0044,
    update(
      { ...VIDEO, encryptionCapability: u32, capUnion: octets(24), ipAddressingMode: u32 },
      { ...DATA, encryptionCapability: u32 },
    ),
  ),
} as const;
