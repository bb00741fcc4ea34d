/**
 * What a phone asks once its Register is accepted, in the order of real phones: capabilities (with an old phone's question for its load in between), templates,
 * status of the device, then of each line, forward, speed dial, feature and service button, and the time last. Some servers never answer some of it, so every
 * wait has an end; what comes late or unasked is taken all the same.
 */
import { BUTTON } from '../../wire/sccp/codes.ts';
import { shown } from '../../wire/sccp/labels.ts';
import type { Message, MessageName, Outgoing } from '../../wire/sccp/message.ts';

export interface SccpLine {
  /** 1-based. */
  readonly instance: number;
  readonly number: string;
  readonly label: string;
}

export interface SccpButton {
  readonly instance: number;
  readonly type: number;
}

/** Programmed button that is not a line: what stands beside it. */
export interface SccpFeature {
  readonly kind: 'speed-dial' | 'feature' | 'service';
  readonly instance: number;
  /** Number of a speed dial, URL of a service, empty for a feature. */
  readonly target: string;
  readonly label: string;
}

interface Step {
  /** Null waits for the server to ask for capabilities. */
  readonly request: Outgoing | null;
  readonly answers: readonly MessageName[];
}

/** Lines, and features, that are kept: more than any phone has buttons. */
const MAX_KEPT = 128;

const CAPABILITIES: Step = { request: null, answers: ['CapabilitiesReq'] };
const LOAD: Step = { request: { type: 'VersionReq' }, answers: ['VersionRes'] };
const BUTTONS: Step = { request: { type: 'ButtonTemplateReq' }, answers: ['ButtonTemplateRes'] };
const SOFT_KEYS: Step = { request: { type: 'SoftKeyTemplateReq' }, answers: ['SoftKeyTemplateRes'] };
const SOFT_KEY_SETS: Step = { request: { type: 'SoftKeySetReq' }, answers: ['SoftKeySetRes'] };
const STATUS: Step = { request: { type: 'ConfigStatReq' }, answers: ['ConfigStatRes', 'ConfigStatDynamicRes'] };
const TIME: Step = { request: { type: 'TimeDateReq' }, answers: ['DefineTimeDate'] };

const FIRST_STEPS: readonly Step[] = [CAPABILITIES, BUTTONS, SOFT_KEYS, SOFT_KEY_SETS, STATUS];

/** Old phones ask for their load between the server's CapabilitiesReq and their answer to it. */
const FIRST_STEPS_OF_OLD: readonly Step[] = [CAPABILITIES, LOAD, ...FIRST_STEPS.slice(1)];

/** Version from which FeatureStatReq says what the phone can show. */
const FEATURE_CAPABILITIES_SINCE = 15;

function isFeature(type: number): boolean {
  return (
    type === BUTTON.feature ||
    type === BUTTON.busyLampFieldSpeedDial ||
    type === BUTTON.multiblink ||
    (type >= BUTTON.meetMeConference && type <= BUTTON.queuing)
  );
}

function statusSteps(buttons: readonly SccpButton[], version: number): Step[] {
  const of = (wanted: (type: number) => boolean) => buttons.filter((b) => wanted(b.type)).map((b) => b.instance);
  const lines = of((type) => type === BUTTON.line);
  const features = of(isFeature);
  const featureCapabilities = version >= FEATURE_CAPABILITIES_SINCE ? 1 : 0;
  return [
    ...lines.map(
      (lineInstance): Step => ({
        request: { type: 'LineStatReq', lineInstance },
        answers: ['LineStatRes', 'LineStatDynamicRes'],
      }),
    ),
    ...lines.map(
      (lineInstance): Step => ({ request: { type: 'ForwardStatReq', lineInstance }, answers: ['ForwardStatRes'] }),
    ),
    ...of((type) => type === BUTTON.speedDial).map(
      (speedDialNumber): Step => ({
        request: { type: 'SpeedDialStatReq', speedDialNumber },
        answers: ['SpeedDialStatRes', 'SpeedDialStatDynamicRes'],
      }),
    ),
    ...features.map(
      (featureIndex): Step => ({
        request: { type: 'FeatureStatReq', featureIndex, featureCapabilities },
        answers: ['FeatureStatRes', 'FeatureStatDynamicRes'],
      }),
    ),
    ...of((type) => type === BUTTON.serviceUrl).map(
      (serviceUrlIndex): Step => ({
        request: { type: 'ServiceURLStatReq', serviceUrlIndex },
        answers: ['ServiceURLStatRes', 'ServiceURLStatDynamicRes'],
      }),
    ),
    { request: { type: 'RegisterAvailableLines', maxLines: lines.length }, answers: [] },
    TIME,
  ];
}

/** Lives from RegisterAck to registered, and is dropped then. */
export class Dialogue {
  readonly #version: number;
  readonly #firstSteps: readonly Step[];
  #steps: readonly Step[];
  readonly #capabilities: Outgoing;
  #next = 0;
  #awaited: readonly MessageName[] = [];
  #buttons: readonly SccpButton[] | null = null;
  readonly #lines = new Map<number, SccpLine>();
  readonly #features = new Map<string, SccpFeature>();
  userName = '';
  serverName = '';

  /** What the phone can do was asked, and is said once its load is known. */
  #owesCapabilities = false;

  /**
   * @param version the negotiated one
   * @param capabilities what the phone can do
   * @param asksForLoad the model asks which load it should have
   */
  constructor(version: number, capabilities: Outgoing, asksForLoad: boolean) {
    this.#version = version;
    this.#capabilities = capabilities;
    this.#firstSteps = asksForLoad ? FIRST_STEPS_OF_OLD : FIRST_STEPS;
    this.#steps = this.#firstSteps;
  }

  /**
   * Goes on to the next request. Returns what is to be sent now; `finished` when the last answer is in or was waited for in vain.
   */
  advance(send: (m: Outgoing) => void): 'waiting' | 'finished' {
    if (this.#owesCapabilities && this.#awaited === LOAD.answers) {
      this.#owesCapabilities = false;
      send(this.#capabilities);
    }
    while (this.#next < this.#steps.length || this.#extend()) {
      const step = this.#steps[this.#next++]!;
      if (step === BUTTONS) send({ type: 'HeadsetStatus' });
      if (step.request !== null) send(step.request);
      this.#awaited = step.answers;
      if (step.answers.length > 0) return 'waiting';
    }
    this.#awaited = [];
    return 'finished';
  }

  /** True when the message is the answer that is waited for. */
  answers(m: Message): boolean {
    return m.type !== 'Unknown' && this.#awaited.includes(m.type);
  }

  /** The steps that hang on the button template, once; a server without one has a single line. */
  #extend(): boolean {
    if (this.#steps !== this.#firstSteps) return false;
    this.#steps = statusSteps(this.#buttons ?? [{ instance: 1, type: BUTTON.line }], this.#version);
    this.#next = 0;
    return true;
  }

  /** The server asks what the phone can do: an old phone that has yet to ask for its load answers after that. */
  capabilitiesAsked(send: (m: Outgoing) => void): void {
    if (this.#steps === FIRST_STEPS_OF_OLD && this.#next <= FIRST_STEPS_OF_OLD.indexOf(LOAD) + 1)
      this.#owesCapabilities = true;
    else send(this.#capabilities);
  }

  /** Keeps what the message tells. */
  take(m: Message): void {
    switch (m.type) {
      case 'ButtonTemplateRes':
        this.#buttons = m.buttons;
        return;
      case 'ConfigStatRes':
      case 'ConfigStatDynamicRes':
        this.userName = m.userName;
        this.serverName = m.serverName;
        return;
      case 'LineStatRes':
      case 'LineStatDynamicRes':
        if (m.dirNumber === '' || this.#lines.size >= MAX_KEPT) return;
        this.#lines.set(m.lineInstance, {
          instance: m.lineInstance,
          number: m.dirNumber,
          label: m.label === '' || m.label === m.dirNumber ? m.dirNumber : shown(m.label),
        });
        return;
      case 'SpeedDialStatRes':
      case 'SpeedDialStatDynamicRes':
        this.#takeFeature('speed-dial', m.speedDialNumber, m.dirNumber, m.displayName);
        return;
      case 'FeatureStatRes':
      case 'FeatureStatDynamicRes':
        this.#takeFeature('feature', m.featureIndex, '', m.label);
        return;
      case 'ServiceURLStatRes':
      case 'ServiceURLStatDynamicRes':
        this.#takeFeature('service', m.serviceUrlIndex, m.url, m.displayName);
        return;
      default:
        return;
    }
  }

  #takeFeature(kind: SccpFeature['kind'], instance: number, target: string, label: string): void {
    if (this.#features.size >= MAX_KEPT) return;
    this.#features.set(`${kind} ${instance}`, { kind, instance, target, label: shown(label) });
  }

  /** Types and instances of the buttons in turn, as character codes: each of 40,000 phones keeps it. */
  buttons(): string {
    return (this.#buttons ?? []).map(({ type, instance }) => String.fromCharCode(type, instance)).join('');
  }

  lines(): readonly SccpLine[] {
    return [...this.#lines.values()].sort((a, b) => a.instance - b.instance);
  }

  features(): readonly SccpFeature[] {
    return [...this.#features.values()];
  }
}
