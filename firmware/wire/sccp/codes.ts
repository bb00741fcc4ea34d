/** Numbers that occur in SCCP bodies, by the names that Wireshark and chan-sccp give them. */

/** Button types and stimuli are one numbering. */
export const BUTTON = {
  unused: 0x00,
  lastNumberRedial: 0x01,
  speedDial: 0x02,
  hold: 0x03,
  transfer: 0x04,
  forwardAll: 0x05,
  forwardBusy: 0x06,
  forwardNoAnswer: 0x07,
  display: 0x08,
  line: 0x09,
  voiceMail: 0x0f,
  feature: 0x13,
  serviceUrl: 0x14,
  busyLampFieldSpeedDial: 0x15,
  multiblink: 0x26,
  meetMeConference: 0x7b,
  conference: 0x7d,
  callPark: 0x7e,
  callPickup: 0x7f,
  groupCallPickup: 0x80,
  mobility: 0x81,
  doNotDisturb: 0x82,
  queuing: 0x8f,
  undefined: 0xff,
} as const;

export const LAMP = { off: 1, on: 2, wink: 3, flash: 4, blink: 5 } as const;

export const RING = { off: 1, inside: 2, outside: 3, feature: 4, flashOnly: 5, precedence: 6 } as const;

/** Speaker, microphone and headset. */
export const SWITCH = { on: 1, off: 2 } as const;

export const RESET = { reset: 1, restart: 2, applyConfig: 3 } as const;

export const UNREGISTER_ACK = { ok: 0, error: 1, notAcknowledged: 2 } as const;

export const UNREGISTER_REASON = { unknown: 0, powerSave: 1 } as const;

export const CODEC = {
  g711Alaw: 2,
  g711Ulaw: 4,
  g722: 6,
  g729: 11,
  g729AnnexA: 12,
  g729AnnexB: 15,
  g729AnnexAB: 16,
  wideBand256k: 25,
  rfc2833: 257,
} as const;

export const ALARM_SEVERITY = {
  critical: 0,
  warning: 1,
  informational: 2,
  unknown: 4,
  major: 7,
  minor: 8,
  marginal: 10,
  trace: 20,
} as const;

export const CALL_STATE = {
  idle: 0,
  offHook: 1,
  onHook: 2,
  ringOut: 3,
  ringIn: 4,
  connected: 5,
  busy: 6,
  congestion: 7,
  hold: 8,
  callWaiting: 9,
  callTransfer: 10,
  callPark: 11,
  proceed: 12,
  remoteMultiline: 13,
  invalidNumber: 14,
  holdRevert: 15,
  whisper: 16,
  remoteHold: 17,
} as const;

export const CALL_TYPE = { inbound: 1, outbound: 2, forward: 3 } as const;

/** Tones that a call manager has a phone play; DTMF and others are left out. */
export const TONE = {
  insideDial: 0x21,
  outsideDial: 0x22,
  lineBusy: 0x23,
  alerting: 0x24,
  reorder: 0x25,
  callWaiting: 0x2d,
} as const;

/** KeypadButton by place: digits, A to D, then star, pound and plus. */
export const KEYPAD: readonly string[] = Object.freeze([...'0123456789ABCD*#+']);

/** Ids of soft key events that all servers agree on. */
export const SOFT_KEY = {
  redial: 1,
  newCall: 2,
  hold: 3,
  transfer: 4,
  backSpace: 8,
  endCall: 9,
  resume: 10,
  answer: 11,
} as const;

/** Sets of soft keys by what they are for. */
export const SOFT_KEY_SET = {
  onHook: 0,
  connected: 1,
  onHold: 2,
  ringIn: 3,
  offHook: 4,
  connectedTransfer: 5,
  digitsFollowing: 6,
  connectedConference: 7,
  ringOut: 8,
  offHookFeature: 9,
} as const;

export const MEDIA_PATH = { headset: 1, handset: 2, speaker: 3 } as const;

export const MEDIA_STATUS = {
  ok: 0,
  unknown: 1,
  invalidCodec: 6,
  invalidPacketSize: 7,
  outOfSockets: 8,
  addressTypeUnavailable: 11,
} as const;
