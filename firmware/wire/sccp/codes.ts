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
