import { isMalformed } from '../firmware/malformed.ts';
import { isProblem, parseConfiguration } from '../firmware/phone/config/parse-configuration.ts';
import type { PhoneConfiguration } from '../firmware/phone/config/phone-configuration.ts';
import { looksSigned, parseSignedFile } from '../firmware/phone/trust/signed-file.ts';
import { parseTrustList } from '../firmware/phone/trust/trust-list.ts';
import { ipv4Text } from '../firmware/wire/address.ts';
import type { Ipv4 } from '../hal/nic.ts';
import type { StageName, TraceEvents } from '../hal/trace.ts';
import { isBefore, type Sight, type Story } from './story.ts';

type Via = 'tftp' | 'http';
type Outcome = TraceEvents['file.done']['outcome'];

/** A configuration that is larger is none that a phone takes; more of a file is not kept. */
export const LARGEST_FILE = 2 * 1024 * 1024;

/** What a phone does after a step: it goes on to a call manager, it does not, or that is to be seen. */
type Then = 'goes-on' | 'ends' | 'wait';

/** A file that somebody has asked for. */
export interface FileRequest {
  readonly name: string;
  readonly server: Ipv4;
  readonly via: Via;
  readonly sight: Sight;
}

interface Finished extends FileRequest {
  readonly outcome: Outcome;
  /** Null where they were not kept. */
  readonly octets: Uint8Array | null;
  readonly bytes: number;
  readonly until: Sight;
}

/** Which step a file is for; null for rings, locales, loads. */
export function stepOfFile(name: string): StageName | null {
  if (/^CTL.*\.tlv$/i.test(name)) return 'ctl-file';
  if (/^ITL.*\.tlv$/i.test(name)) return 'itl-file';
  // `SIPDefault.cnf` and `SIP<MAC>.cnf` are those of the oldest loads.
  return /\.cnf(\.xml(\.enc)?(\.sgn)?)?$/i.test(name) ? 'configuration' : null;
}

/** Steps 6 to 8 from outside. What became of a step is known when the phone goes on to another, or for good with the file itself. */
export class FileSteps {
  readonly #story: Story;
  /** Unanswered so far. */
  #open: FileRequest | null = null;
  #last: Finished | null = null;
  /** What the file of the last configuration step says; null when it could not be read. */
  configuration: PhoneConfiguration | null = null;

  /** A file came over HTTPS: which one, and what is in it, nobody sees. */
  #isHidden = false;

  constructor(story: Story) {
    this.#story = story;
  }

  /** A file is fetched over HTTPS. With trust lists installed it is the configuration. */
  hidden(sight: Sight): void {
    const { stage } = this.#story;
    if (stage === 'call-manager') return;
    if (stage === 'ctl-file' || stage === 'itl-file') this.#conclude(sight, null);
    if (!this.#story.is('configuration')) this.#story.enter('configuration', sight);
    this.#story.note(sight);
    this.#isHidden = true;
  }

  requested(request: FileRequest): void {
    const { name, server, via, sight } = request;
    const step = stepOfFile(name);
    if (step !== null) {
      this.#goTo(step, request);
      this.#isHidden = false;
      this.#story.note(sight);
      this.#open = request;
    }
    this.#story.tell('file.request', { name, server: ipv4Text(server), via }, sight);
  }

  answered(request: FileRequest, outcome: Outcome, bytes: number, octets: Uint8Array | null, sight: Sight): void {
    const { name, server, via } = request;
    this.#story.tell('file.done', { name, server: ipv4Text(server), via, outcome, bytes }, sight);
    const step = stepOfFile(name);
    if (step === null || !this.#story.is(step)) return;
    this.#story.note(sight);
    this.#open = null;
    this.#last = { ...request, outcome, bytes, octets, until: sight };
    // A good one is the last word. What the phone makes of any other shows in what it does next.
    if (step === 'configuration' && outcome === 'received') this.#received(this.#last, null, 'wait');
  }

  /** The phone turns to a call manager: whatever the files were, it goes on. */
  passed(sight: Sight): void {
    const { stage } = this.#story;
    if (stage === null || !isBefore(stage, 'call-manager')) return;
    if (stage === 'configuration' || stage === 'ctl-file' || stage === 'itl-file')
      this.#conclude(sight, null, 'goes-on');
  }

  finish(end: Sight): void {
    const { stage } = this.#story;
    if (stage !== 'ctl-file' && stage !== 'itl-file' && stage !== 'configuration') return;
    this.#conclude(end, null);
  }

  #goTo(step: StageName, { name, sight }: FileRequest): void {
    const { stage } = this.#story;
    if (stage === step) {
      // The same list again after an answer that was the last word: another round.
      const isNewRound = this.#last?.name === name && this.#last.outcome !== 'error' && this.#last.via === 'tftp';
      if (!isNewRound) return;
    }
    if (stage !== null) this.#conclude(sight, name);
    if (step === 'configuration' && stage === 'ctl-file')
      this.#story.pass('itl-file', 'skipped', 'itl.not-asked', sight);
    this.#last = null;
    this.#open = null;
    this.#story.enter(step, sight);
  }

  /** @param next the file asked for next, when there is one; @param then what the phone does after this step */
  #conclude(sight: Sight, next: string | null, then: Then = 'ends'): void {
    switch (this.#story.stage) {
      case 'ctl-file':
      case 'itl-file':
        this.#concludeList(this.#story.stage === 'ctl-file' ? 'ctl' : 'itl', sight);
        return;
      case 'configuration':
        this.#concludeConfiguration(sight, next, then);
        return;
      default:
        return;
    }
  }

  /** The capture's end, or the phone's turning away, is when nobody has answered. */
  #timedOut(sight: Sight): boolean {
    if (this.#open === null && this.#last !== null && this.#last.outcome !== 'timeout') return false;
    if (this.#open !== null) {
      const { name, server, via } = this.#open;
      const fields = { name, server: ipv4Text(server), via, outcome: 'timeout', bytes: 0 } as const;
      this.#story.tell('file.done', fields, sight);
    }
    this.#open = null;
    return true;
  }

  #concludeList(list: 'ctl' | 'itl', sight: Sight): void {
    if (this.#timedOut(sight)) {
      this.#story.leave('failed', 'tftp.timeout', sight);
      return;
    }
    const { name, outcome, octets, bytes, until } = this.#last!;
    if (outcome === 'not-found' || (outcome === 'received' && bytes === 0)) {
      this.#story.tell('trust.list', { list, outcome: 'absent' }, until);
      this.#story.leave('skipped', `${list}.not-found`, until);
    } else if (outcome !== 'received') this.#story.leave('failed', `${list}.${outcome}`, until);
    else {
      const parsed = octets === null ? null : parseTrustList(octets);
      const by = parsed === null || isMalformed(parsed) ? '' : `, signed by ${parsed.header.signer.subject}`;
      this.#story.leave('done', `${list}.received`, until, `${name}, ${bytes} octets${by}`);
    }
  }

  #concludeConfiguration(sight: Sight, next: string | null, then: Then): void {
    if (this.#isHidden) {
      this.#isHidden = false;
      if (then === 'goes-on') this.#story.leave('done', 'config.own', sight, 'by HTTPS, which hides what it says');
      return;
    }
    const timedOut = this.#timedOut(sight);
    if (timedOut) this.#failed('tftp.timeout', sight, then);
    else {
      const { outcome, until } = this.#last!;
      if (outcome === 'received') this.#received(this.#last!, next, then);
      else this.#failed(outcome === 'not-found' ? 'config.not-found' : `tftp.${outcome}`, until, then);
    }
  }

  #failed(reason: string, sight: Sight, then: Then, detail?: string): void {
    if (then === 'wait') return;
    if (then === 'goes-on') this.#story.leave('done', 'config.cached', sight, `the last good one (${reason})`);
    else this.#story.leave('failed', reason, sight, detail);
  }

  #received({ name, octets, bytes, until }: Finished, next: string | null, then: Then): void {
    if (octets === null) {
      this.#failed('config.too-large', until, then, `${name}, ${bytes} octets`);
      return;
    }
    const text = textIn(name, octets);
    if (text === null) {
      // Only the phone's own key opens it; whether it could shows in what it does next.
      this.#story.leave('done', 'config.own', until, `${name}, ${bytes} octets, encrypted`);
      this.#story.enter('call-manager', until);
      return;
    }
    const parsed = parseConfiguration(text);
    if (isProblem(parsed)) {
      this.#failed('config.malformed', until, then, `${name}: ${parsed.problem}`);
      return;
    }
    this.configuration = parsed;
    const own = parsed.root === 'device';
    if (!own && parsed.autoRegistration === false && then !== 'goes-on') {
      this.#failed('autoregister.disabled', until, then, name);
      return;
    }
    if (!parsed.fullConfig) {
      this.#failed(next === null ? 'config.partial' : 'config.encrypted', until, then, name);
      return;
    }
    this.#story.tell('config.applied', appliedFields(name, parsed), until);
    this.#story.leave('done', own ? 'config.own' : 'config.default', until);
    this.#story.enter('call-manager', until);
  }
}

/** The text of a configuration file as it was on the wire; null for an encrypted one. */
function textIn(name: string, octets: Uint8Array): Uint8Array | null {
  if (/\.enc\.sgn$/i.test(name)) return null;
  if (!looksSigned(octets)) return octets;
  const signed = parseSignedFile(octets);
  return isMalformed(signed) || signed.encryption !== null ? null : signed.payload;
}

function appliedFields(name: string, parsed: PhoneConfiguration): TraceEvents['config.applied'] {
  const sip = parsed.deviceProtocol === 'SIP';
  return {
    name,
    // Whether the phone has verified it does not show; that it was to be verified does.
    signature: /\.sgn$/i.test(name) ? 'verified' : 'none',
    encrypted: false,
    protocol: parsed.deviceProtocol ?? '',
    load: parsed.loadInformation ?? '',
    callManagers: parsed.callManagers.map(({ host, sipPort, ethernetPhonePort, priority }) => ({
      host,
      port: sip ? sipPort : ethernetPhonePort,
      priority,
    })),
    security: parsed.deviceSecurityMode,
  };
}
