/** One telephone's side of a call, and what a call manager says to it in each of its states, in the order of CallManager 4.1's captures. */
import {
  BUTTON,
  CALL_STATE,
  CALL_TYPE,
  CODEC,
  LAMP,
  RING,
  SOFT_KEY_SET,
  SWITCH,
  TONE,
} from '../../firmware/wire/sccp/codes.ts';
import { code } from '../../firmware/wire/sccp/labels.ts';
import type { Outgoing } from '../../firmware/wire/sccp/message.ts';
import type { Ipv4 } from '../../hal/nic.ts';

export type LegState = 'dialing' | 'ring-out' | 'ring-in' | 'connected' | 'hold' | 'failed';

export interface Leg {
  readonly device: string;
  readonly line: number;
  /** Its own directory number. */
  readonly number: string;
  readonly reference: number;
  /** Protocol version of the phone. */
  readonly version: number;
  state: LegState;
  /** Made by this telephone. */
  isCaller: boolean;
  digits: string;
  peer: Leg | null;
  /** `opening`: the phone has been asked where it listens. */
  media: 'none' | 'opening' | 'open';
  listensAt: { readonly address: Ipv4; readonly port: number } | null;
  /** The call that waits while its user asks somebody else whether to take it. */
  transferOf: Leg | null;
}

const ALL_KEYS = 0xffff_ffff;
/** From here on text comes in messages of varying length. */
const DYNAMIC_SINCE = 8;
const MS_PER_PACKET = 20;
/** EF, as the octet of the IP header. */
const AUDIO_PRECEDENCE = 0xb8;
const RFC2833_PAYLOAD = 101;
/** DisplayPriNotify of a call that comes in. */
const NOTIFY_SECONDS = 10;
const NOTIFY_PRIORITY = 5;

export const PROMPT = {
  idle: code(0x13),
  ringOut: code(0x16),
  from: code(0x17),
  connected: code(0x18),
  busy: code(0x19),
  enterNumber: code(0x20),
  unknownNumber: code(0x38),
  tempFail: code(0x23),
} as const;

type About = Pick<Leg, 'line' | 'reference'>;

function keys({ line, reference }: About, softKeySetIndex: number, validKeyMask = ALL_KEYS): Outgoing {
  return { type: 'SelectSoftKeys', lineInstance: line, callReference: reference, softKeySetIndex, validKeyMask };
}

function state({ line, reference }: About, value: number): Outgoing {
  return { type: 'CallState', state: value, lineInstance: line, callReference: reference };
}

function lamp({ line }: About, mode: number): Outgoing {
  return { type: 'SetLamp', stimulus: BUTTON.line, instance: line, mode };
}

function tone({ line, reference }: About, value: number): Outgoing {
  return { type: 'StartTone', tone: value, lineInstance: line, callReference: reference };
}

export function stopTone({ line, reference }: About): Outgoing {
  return { type: 'StopTone', lineInstance: line, callReference: reference };
}

export function prompt({ line, reference, version }: Leg, text: string): Outgoing {
  const type = version >= DYNAMIC_SINCE ? 'DisplayPromptStatusDynamic' : 'DisplayPromptStatus';
  return { type, text, lineInstance: line, callReference: reference };
}

function callInfo(leg: Leg): Outgoing {
  const other = leg.peer?.number ?? leg.digits;
  const [callingParty, calledParty] = leg.isCaller ? [leg.number, other] : [other, leg.number];
  return {
    type: leg.version >= DYNAMIC_SINCE ? 'CallInfoDynamic' : 'CallInfo',
    lineInstance: leg.line,
    callReference: leg.reference,
    callType: leg.isCaller ? CALL_TYPE.outbound : CALL_TYPE.inbound,
    callInstance: 1,
    callingParty,
    calledParty,
    callingPartyName: '',
    calledPartyName: '',
  };
}

/** Dial tone. */
export function offHook(leg: Leg): Outgoing[] {
  return [
    { type: 'SetRinger', mode: RING.off },
    { type: 'SetSpeakerMode', mode: SWITCH.on },
    lamp(leg, LAMP.on),
    state(leg, CALL_STATE.offHook),
    keys(leg, SOFT_KEY_SET.offHook),
    prompt(leg, PROMPT.enterNumber),
    { type: 'ActivateCallPlane', lineInstance: leg.line },
    tone(leg, TONE.insideDial),
  ];
}

export function firstDigit(leg: Leg): Outgoing[] {
  return [stopTone(leg), keys(leg, SOFT_KEY_SET.digitsFollowing)];
}

export function proceeding(leg: Leg): Outgoing[] {
  const { line, reference, digits } = leg;
  return [
    stopTone(leg),
    { type: 'DialedNumber', number: digits, lineInstance: line, callReference: reference },
    state(leg, CALL_STATE.proceed),
    callInfo(leg),
  ];
}

export function ringOut(leg: Leg): Outgoing[] {
  return [
    tone(leg, TONE.alerting),
    state(leg, CALL_STATE.ringOut),
    callInfo(leg),
    keys(leg, SOFT_KEY_SET.ringOut),
    prompt(leg, PROMPT.ringOut),
  ];
}

/** @param waiting the phone has another call: it beeps instead of ringing */
export function ringIn(leg: Leg, waiting: boolean): Outgoing[] {
  const text = `${PROMPT.from}${leg.peer?.number ?? ''}`;
  const notify = { timeout: NOTIFY_SECONDS, priority: NOTIFY_PRIORITY, text };
  return [
    state(leg, CALL_STATE.ringIn),
    keys(leg, SOFT_KEY_SET.ringIn),
    prompt(leg, text),
    callInfo(leg),
    leg.version >= DYNAMIC_SINCE
      ? { type: 'DisplayPriNotifyDynamic', ...notify }
      : { type: 'DisplayPriNotify', ...notify },
    lamp(leg, LAMP.blink),
    waiting ? tone(leg, TONE.callWaiting) : { type: 'SetRinger', mode: RING.inside },
  ];
}

export function answered(leg: Leg): Outgoing[] {
  return [
    { type: 'ClearPriNotify', priority: NOTIFY_PRIORITY },
    { type: 'SetRinger', mode: RING.off },
    { type: 'SetSpeakerMode', mode: SWITCH.on },
    lamp(leg, LAMP.on),
    state(leg, CALL_STATE.offHook),
    { type: 'ActivateCallPlane', lineInstance: leg.line },
  ];
}

export function connected(leg: Leg): Outgoing[] {
  return [
    stopTone(leg),
    state(leg, CALL_STATE.connected),
    callInfo(leg),
    keys(leg, SOFT_KEY_SET.connected),
    prompt(leg, PROMPT.connected),
  ];
}

export function held(leg: Leg): Outgoing[] {
  return [state(leg, CALL_STATE.hold), lamp(leg, LAMP.wink), keys(leg, SOFT_KEY_SET.onHold)];
}

export function failed(leg: Leg, why: 'busy' | 'unknown' | 'unavailable'): Outgoing[] {
  const text = why === 'busy' ? PROMPT.busy : why === 'unknown' ? PROMPT.unknownNumber : PROMPT.tempFail;
  return [
    stopTone(leg),
    ...(why === 'busy'
      ? [state(leg, CALL_STATE.busy), tone(leg, TONE.lineBusy)]
      : [tone(leg, TONE.reorder), state(leg, CALL_STATE.congestion)]),
    keys(leg, SOFT_KEY_SET.ringOut),
    prompt(leg, text),
  ];
}

/** @param isLast the phone has no other call: it is given back its idle face */
export function ended(leg: Leg, isLast: boolean): Outgoing[] {
  const { line, reference } = leg;
  const idle: Outgoing[] = isLast
    ? [
        { type: 'SetSpeakerMode', mode: SWITCH.off },
        { type: 'SetRinger', mode: RING.off },
      ]
    : [];
  return [
    ...(leg.state === 'ring-in' ? [{ type: 'ClearPriNotify', priority: NOTIFY_PRIORITY } as const] : []),
    ...idle,
    { type: 'ClearPromptStatus', lineInstance: line, callReference: reference },
    state(leg, CALL_STATE.onHook),
    ...(isLast
      ? [keys({ line: 0, reference: 0 }, SOFT_KEY_SET.onHook), prompt({ ...leg, line: 0, reference: 0 }, PROMPT.idle)]
      : []),
    lamp(leg, LAMP.off),
    stopTone(leg),
  ];
}

/** chan-sccp writes mixing mode and direction at version 11 already, and Wireshark reads them there (capture of chan-sccp 4.3.5). */
function withMixing({ version }: Leg, bodyLength: number): { readonly bodyLength?: number } {
  return version >= 11 && version < 15 ? { bodyLength } : {};
}

export function openReceive(leg: Leg): Outgoing {
  const { reference } = leg;
  return {
    type: 'OpenReceiveChannel',
    ...withMixing(leg, 108),
    conferenceId: reference,
    passThroughPartyId: reference,
    callReference: reference,
    msPerPacket: MS_PER_PACKET,
    codec: CODEC.g711Ulaw,
    rfc2833PayloadType: RFC2833_PAYLOAD,
  };
}

/** Talk to where the other side listens. */
export function startMedia(leg: Leg, to: { readonly address: Ipv4; readonly port: number }): Outgoing {
  const { reference } = leg;
  return {
    type: 'StartMediaTransmission',
    ...withMixing(leg, 116),
    conferenceId: reference,
    passThroughPartyId: reference,
    callReference: reference,
    remoteIpAddr: to.address,
    remotePort: to.port,
    msPerPacket: MS_PER_PACKET,
    codec: CODEC.g711Ulaw,
    precedence: AUDIO_PRECEDENCE,
    rfc2833PayloadType: RFC2833_PAYLOAD,
  };
}

export function closeMedia({ reference }: Leg): Outgoing[] {
  const stream = { conferenceId: reference, passThroughPartyId: reference, callReference: reference };
  return [
    { type: 'CloseReceiveChannel', ...stream },
    { type: 'StopMediaTransmission', ...stream },
  ];
}

export function askStatistics({ number, reference }: Leg): Outgoing {
  return { type: 'ConnectionStatisticsReq', directoryNumber: number, callReference: reference };
}
