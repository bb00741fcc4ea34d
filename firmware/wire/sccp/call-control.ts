/**
 * Tables of the messages about keys, lamps, tones, the screen and calls: what the phone's user does, and what the call manager shows.
 * Sources as in registration.ts. The text messages come in a fixed form and, from version 8 on, in a dynamic one under another identifier;
 * either may occur at any version.
 */
import { array, data, layout, message, pad, rest, string, text, u16, u32 } from './field.ts';

const LINE_AND_CALL = { lineInstance: u32, callReference: u32 };

/** Common head of the messages that carry XML or other data of applications. */
const USER_DATA = {
  applicationId: u32,
  lineInstance: u32,
  callReference: u32,
  transactionId: u32,
  dataLength: u32,
};

const USER_DATA_0 = { ...USER_DATA, data: data('dataLength', 2000) };

const USER_DATA_1 = {
  ...USER_DATA,
  sequenceFlag: u32,
  displayPriority: u32,
  conferenceId: u32,
  appInstanceId: u32,
  routingId: u32,
  data: data('dataLength', 2000),
};

const NUMBER = string(25);
const NAME = string(121);

const CALL_INFO_HEAD = {
  ...LINE_AND_CALL,
  callType: u32,
  originalCdpnRedirectReason: u32,
  lastRedirectingReason: u32,
  callInstance: u32,
  callSecurityStatus: u32,
  partyPIRestrictionBits: u32,
  callingParty: NUMBER,
};

const CALL_INFO_TAIL = {
  calledParty: NUMBER,
  originalCalledParty: NUMBER,
  lastRedirectingParty: NUMBER,
  cgpnVoiceMailbox: NUMBER,
  cdpnVoiceMailbox: NUMBER,
  originalCdpnVoiceMailbox: NUMBER,
  lastRedirectingVoiceMailbox: NUMBER,
  callingPartyName: NAME,
  calledPartyName: NAME,
  originalCalledPartyName: NAME,
  lastRedirectingPartyName: NAME,
};

export const CALL_CONTROL = {
  KeypadButton: message(0x0003, { button: u32, ...LINE_AND_CALL }),
  EnblocCall: message(
    0x0004,
    // Packed, as a 7970 sends it. An 8945 aligns the instance to a multiple of four; its low octet is then read as the number's tail.
    layout({ calledParty: text(25), lineInstance: u32, pad: pad(3) }, [], { since: 18, shortest: 32 }),
    layout({ calledParty: text(24), lineInstance: u32 }, [
      [0, 24],
      [17, 28],
    ]),
  ),
  Stimulus: message(0x0005, { stimulus: u32, instance: u32, callReference: u32, status: u32 }),
  OffHook: message(0x0006, LINE_AND_CALL),
  OnHook: message(0x0007, LINE_AND_CALL),
  HookFlash: message(0x0008, LINE_AND_CALL),
  SoftKeyEvent: message(0x0026, { event: u32, ...LINE_AND_CALL }),
  DeviceToUserData: message(0x002e, USER_DATA_0),
  DeviceToUserDataResponse: message(0x002f, USER_DATA_0),
  DeviceToUserDataV1: message(0x0041, USER_DATA_1),
  DeviceToUserDataResponseV1: message(0x0042, USER_DATA_1),
  SubscriptionStatReq: message(0x0048, { transactionId: u32, featureId: u32, timer: u32, subscriptionId: text(64) }),
  MediaPathEvent: message(0x0049, { mediaPathId: u32, event: u32 }),
  MediaPathCapability: message(0x004a, { mediaPathId: u32, capability: u32 }),

  StartTone: message(0x0082, { tone: u32, direction: u32, ...LINE_AND_CALL }),
  StopTone: message(0x0083, { ...LINE_AND_CALL, tone: u32 }),
  SetRinger: message(0x0085, { mode: u32, duration: u32, ...LINE_AND_CALL }),
  SetLamp: message(0x0086, { stimulus: u32, instance: u32, mode: u32 }),
  SetHookFlashDetect: message(0x0087, {}),
  SetSpeakerMode: message(0x0088, { mode: u32 }),
  SetMicroMode: message(0x0089, { mode: u32 }),
  /** CallManager 2.x sends the first 128 octets only. */
  CallInfo: message(0x008f, {
    callingPartyName: text(40),
    callingParty: text(24),
    calledPartyName: text(40),
    calledParty: text(24),
    ...LINE_AND_CALL,
    callType: u32,
    originalCalledPartyName: text(40),
    originalCalledParty: text(24),
    lastRedirectingPartyName: text(40),
    lastRedirectingParty: text(24),
    originalCdpnRedirectReason: u32,
    lastRedirectingReason: u32,
    cgpnVoiceMailbox: text(24),
    cdpnVoiceMailbox: text(24),
    originalCdpnVoiceMailbox: text(24),
    lastRedirectingVoiceMailbox: text(24),
    callInstance: u32,
    callSecurityStatus: u32,
    partyPIRestrictionBits: u32,
  }),
  /** FreeSWITCH and chan_skinny send up to 40 octets. */
  DisplayText: message(0x0099, layout({ text: text(40) }, [[0, 32]])),
  ClearDisplay: message(0x009a, {}),
  SelectSoftKeys: message(0x0110, { ...LINE_AND_CALL, softKeySetIndex: u32, validKeyMask: u32 }),
  /** FreeSWITCH sends the first 12 octets only. */
  CallState: message(0x0111, {
    state: u32,
    ...LINE_AND_CALL,
    privacy: u32,
    precedenceLevel: u32,
    precedenceDomain: u32,
  }),
  DisplayPromptStatus: message(0x0112, { timeout: u32, text: text(32), ...LINE_AND_CALL }),
  ClearPromptStatus: message(0x0113, LINE_AND_CALL),
  DisplayNotify: message(0x0114, { timeout: u32, text: text(32) }),
  ClearNotify: message(0x0115, {}),
  ActivateCallPlane: message(0x0116, { lineInstance: u32 }),
  DeactivateCallPlane: message(0x0117, {}),
  BackSpaceRes: message(0x0119, LINE_AND_CALL),
  DialedNumber: message(
    0x011d,
    layout({ number: text(25), ...LINE_AND_CALL }, [], { since: 18, shortest: 33 }),
    layout({ number: text(24), ...LINE_AND_CALL }),
  ),
  UserToDeviceData: message(0x011e, USER_DATA_0),
  DisplayPriNotify: message(0x0120, { timeout: u32, priority: u32, text: text(32) }),
  ClearPriNotify: message(0x0121, { priority: u32 }),
  /** Note the order: call before line. */
  CallSelectStat: message(0x0130, { status: u32, callReference: u32, lineInstance: u32 }),
  UserToDeviceDataV1: message(0x013f, USER_DATA_1),
  DisplayNotifyDynamic: message(0x0143, { timeout: u32, text: string(97) }),
  DisplayPriNotifyDynamic: message(0x0144, { timeout: u32, priority: u32, text: string(97) }),
  DisplayPromptStatusDynamic: message(0x0145, { timeout: u32, ...LINE_AND_CALL, text: string(97) }),
  /** 12 strings before version 16, then 13; chan-sccp from 16 and Wireshark from 17 on know two more, which may be absent. */
  CallInfoDynamic: message(
    0x014a,
    layout(
      {
        ...CALL_INFO_HEAD,
        originalCallingParty: NUMBER,
        ...CALL_INFO_TAIL,
        huntPilotNumber: NUMBER,
        huntPilotName: NAME,
      },
      [],
      { since: 16 },
    ),
    layout({ ...CALL_INFO_HEAD, ...CALL_INFO_TAIL }),
  ),
  SubscriptionStatRes: message(0x0152, { transactionId: u32, featureId: u32, timer: u32, cause: u32 }),
  Notification: message(0x0153, { transactionId: u32, featureId: u32, status: u32, text: string(97) }),
  CallHistoryDisposition: message(0x0156, { disposition: u32, ...LINE_AND_CALL }),
  CallCountReq: message(0x015e, {}),
  CallCountRes: message(0x015f, {
    totalLines: u32,
    startingLineInstance: u32,
    lineDataEntries: u32,
    lines: array(42, 'lineDataEntries', { maxNumCalls: u16, busyTrigger: u16 }),
  }),
  RecordingStatus: message(0x0160, { callReference: u32, status: u32 }),
  /** The video messages are kept whole; their bodies hang on the codec. */
  MiscellaneousCommand: message(0x0134, {
    conferenceId: u32,
    passThroughPartyId: u32,
    callReference: u32,
    command: u32,
    rest: rest(2048),
  }),
} as const;
