import { isMalformed } from '../firmware/malformed.ts';
import { BUTTON, RESET } from '../firmware/wire/sccp/codes.ts';
import * as sccp from '../firmware/wire/sccp/message.ts';
import { FrameStream } from '../firmware/wire/sccp/stream.ts';
import type { Manager, RegistrationSight } from './registration-sight.ts';
import type { Sight, Story } from './story.ts';

/** Both directions of what is said to a call manager, however it is carried. */
export interface Talk {
  data(octets: Uint8Array, fromPhone: boolean, sight: Sight): void;
  gap(fromPhone: boolean): void;
  closed(byPhone: boolean, sight: Sight): void;
  /** The capture ends. */
  finish(end: Sight): void;
}

/** After RegisterAck the phone learns its lines; one that does not ask within this time has none. Seconds. */
const LINES_WITHIN = 2;

const RESET_KINDS: Readonly<Record<number, 'reset' | 'restart' | 'apply-config'>> = {
  [RESET.reset]: 'reset',
  [RESET.restart]: 'restart',
  [RESET.applyConfig]: 'apply-config',
};

/** An SCCP conversation: registered with RegisterAck, told when the lines are known. */
export class SccpSight implements Talk {
  readonly #manager: Manager;
  readonly #story: Story;
  readonly #registration: RegistrationSight;
  /** Frames of the phone and of the call manager. */
  readonly #up = new FrameStream();
  readonly #down = new FrameStream();
  #version = 22;
  #acknowledged: { readonly sight: Sight; readonly keepaliveSeconds: number } | null = null;
  #wantedLines: number | null = null;
  readonly #lines = new Map<number, string>();
  #hasRegistered = false;
  /** A keepalive was answered on a connection whose beginning the capture does not have. */
  #aliveAt: Sight | null = null;
  readonly #fromBeginning: boolean;

  constructor(manager: Manager, story: Story, registration: RegistrationSight, fromBeginning: boolean) {
    this.#manager = manager;
    this.#story = story;
    this.#registration = registration;
    this.#fromBeginning = fromBeginning;
  }

  data(octets: Uint8Array, fromPhone: boolean, sight: Sight): void {
    const stream = fromPhone ? this.#up : this.#down;
    stream.push(octets, (bytes, offset, length) => {
      const message = sccp.parse(bytes, offset, length, this.#version);
      if (!isMalformed(message)) this.#take(message, fromPhone, sight);
      return true;
    });
  }

  gap(fromPhone: boolean): void {
    (fromPhone ? this.#up : this.#down).clear();
  }

  closed(byPhone: boolean, sight: Sight): void {
    this.#settle(sight);
    this.#registration.closed(this.#manager, byPhone ? 'closed by the phone' : 'closed', sight);
  }

  finish(end: Sight): void {
    this.#settle(this.#acknowledged?.sight ?? end);
    if (this.#aliveAt !== null && !this.#fromBeginning)
      this.#registration.accepted(this.#manager, [], 0, this.#aliveAt);
  }

  #take(m: sccp.Message, fromPhone: boolean, sight: Sight): void {
    this.#story.message(fromPhone ? 'phone' : 'network', `SCCP ${nameOf(m)}`, sccp.describe(m), sight);
    this.#registration.note(sight);
    switch (m.type) {
      case 'RegisterReq':
        this.#hasRegistered = true;
        this.#version = Math.max(m.protocolVer, 0) || this.#version;
        return;
      case 'RegisterAck':
        if (m.protocolVer > 0) this.#version = Math.min(this.#version, m.protocolVer);
        this.#acknowledged = { sight, keepaliveSeconds: m.keepAliveInterval };
        return;
      case 'RegisterReject':
        this.#registration.rejected(this.#manager, m.text, sight);
        return;
      case 'ButtonTemplateRes':
        this.#wantedLines = (this.#wantedLines ?? 0) + m.buttons.filter(({ type }) => type === BUTTON.line).length;
        break;
      case 'LineStatRes':
      case 'LineStatDynamicRes':
        this.#lines.set(m.lineInstance, m.dirNumber);
        break;
      case 'UnregisterReq':
        this.#registration.leaving(this.#manager);
        return;
      case 'Reset':
        this.#settle(sight);
        this.#registration.resetRequested(this.#manager, RESET_KINDS[m.resetType] ?? 'reset', sight);
        return;
      case 'KeepAliveReq':
        this.#settle(sight);
        return;
      case 'KeepAliveAck':
        if (!this.#hasRegistered) this.#aliveAt ??= sight;
        return;
      default:
        break;
    }
    const acknowledged = this.#acknowledged;
    if (acknowledged === null) return;
    const complete = this.#wantedLines !== null && this.#lines.size >= this.#wantedLines;
    if (complete || sight.at - acknowledged.sight.at > LINES_WITHIN) this.#settle(sight);
  }

  /** Registered, with the lines that are known by now. */
  #settle(sight: Sight): void {
    const acknowledged = this.#acknowledged;
    if (acknowledged === null) return;
    this.#acknowledged = null;
    const lines = [...this.#lines].sort(([one], [other]) => one - other).map(([, number]) => number);
    this.#registration.accepted(this.#manager, lines, acknowledged.keepaliveSeconds, sight);
  }
}

function nameOf(m: sccp.Message): string {
  return m.type === 'Unknown' ? `0x${m.id.toString(16)}` : m.type;
}
