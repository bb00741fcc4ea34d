import { code } from '../../firmware/wire/sccp/labels.ts';
import * as sccp from '../../firmware/wire/sccp/message.ts';
import { softKeySets, softKeyTemplate } from './soft-key-template.ts';

/** `Your current options`, the prompt of an idle phone. */
const IDLE_PROMPT = code(0x13);
const ALL_KEYS = 0xffff_ffff;
/** From here on prompts are dynamic. */
const DYNAMIC_TEXT_SINCE = 8;

/** Frames that are the same for all phones of a dialect, encoded once and shared. Nobody may write into them. */
export interface Stationery {
  readonly dialect: sccp.Dialect;
  readonly keepAliveAck: Uint8Array;
  readonly softKeyTemplate: Uint8Array;
  /** The sets, then the selection of the first and the prompt, as CallManager 4.1 sends them. */
  readonly softKeySets: Uint8Array;
  readonly unregisterAck: Uint8Array;
}

/** Several messages in one piece, so that they travel in one segment. */
export function together(dialect: sccp.Dialect, ...messages: readonly sccp.Outgoing[]): Uint8Array {
  let length = 0;
  for (const m of messages) length += sccp.lengthOf(m, dialect);
  const octets = new Uint8Array(length);
  let at = 0;
  for (const m of messages) at += sccp.emit(m, octets, at, dialect);
  return octets;
}

export function promptMessage(dialect: sccp.Dialect, text: string): sccp.Outgoing {
  return dialect.version >= DYNAMIC_TEXT_SINCE
    ? { type: 'DisplayPromptStatusDynamic', text }
    : { type: 'DisplayPromptStatus', text };
}

function printed(dialect: sccp.Dialect): Stationery {
  return {
    dialect,
    keepAliveAck: sccp.encode({ type: 'KeepAliveAck' }, dialect),
    softKeyTemplate: sccp.encode(softKeyTemplate(), dialect),
    softKeySets: together(
      dialect,
      softKeySets(),
      { type: 'SelectSoftKeys', validKeyMask: ALL_KEYS },
      promptMessage(dialect, IDLE_PROMPT),
    ),
    unregisterAck: sccp.encode({ type: 'UnregisterAck' }, dialect),
  };
}

/** One `Stationery` a dialect, made when first asked for. */
export class StationeryCupboard {
  readonly #drawers = new Map<number, Stationery>();

  of(version: number, headerVersion: number, utf8: boolean): Stationery {
    const key = version * 1024 + headerVersion * 2 + (utf8 ? 1 : 0);
    const held = this.#drawers.get(key);
    if (held !== undefined) return held;
    const made = printed(Object.freeze({ version, headerVersion, utf8 }));
    this.#drawers.set(key, made);
    return made;
  }
}
