/**
 * The lab's call manager, SCCP side: a publisher that answers phones as CUCM does, over any `Sockets`.
 *
 * Phones are known by the device table. Timers run on the world's timeline, one alarm for all phones of a kind.
 */
import type { TcpGone, TcpListener, TcpSocket } from '../../firmware/net/sockets.ts';
import { BUTTON, LAMP, RESET } from '../../firmware/wire/sccp/codes.ts';
import { code } from '../../firmware/wire/sccp/labels.ts';
import * as sccp from '../../firmware/wire/sccp/message.ts';
import type { Ipv4 } from '../../hal/nic.ts';
import { type Instant, MILLISECOND, SECOND } from '../../hal/timer.ts';
import type { Device } from '../device-table.ts';
import { suitsProfile } from '../secure-listener.ts';
import { Slowness } from '../slowness.ts';
import { Throttle } from '../throttle.ts';
import { answerAbout, timeAndDate } from './answers.ts';
import type { CallManagerCounters, CallManagerEvent, CallManagerOptions, StopMode } from './call-manager-options.ts';
import { Session, type SessionOwner } from './session.ts';
import { SilenceWatch } from './silence-watch.ts';
import { promptMessage, StationeryCupboard, together } from './stationery.ts';
import { Switchboard } from './switchboard.ts';

export const SCCP_PORT = 2000;
export const SECURE_SCCP_PORT = 2443;

/** Keepalives that a phone may miss. */
const MISSES = 3;
/** Allowed on top: the last one may be on its way. */
const SLACK = 5 * SECOND;
/** For the answer to CapabilitiesReq. */
const CAPABILITIES_PATIENCE = 10 * SECOND;
/** Seconds after which one that was throttled may come again. */
const THROTTLED_WAIT = 10;
/** A rejected phone's connection is closed after this, as CallManager 2.x was seen to do. */
const REJECTED_LINGER = 62 * SECOND;
/** 2026-11-22T08:00:00Z: any fixed instant does, so that a run can be repeated. */
export const DEFAULT_EPOCH = Date.UTC(2026, 10, 22, 8);

const DEFAULTS = { keepaliveSeconds: 30, standbyKeepaliveSeconds: 60, version: 22, dateTemplate: 'M/D/Y' } as const;

/** Built-in labels that a phone shows after `Registration Rejected:`. */
const UNKNOWN_DEVICE = code(0x2f); // Error DBConfig
const TYPE_MISMATCH = code(0x33); // Error Mismatch

const SECURITY_ERROR = 'Error: Security';

/** Feature octets of RegisterAck, as servers send them from version 4 and from 11 on. */
const ACK_FEATURES_4 = { features0: 0x20, features1: 0xf1, features2: 0xfe };
const ACK_FEATURES_11 = { features0: 0x20, features1: 0xf1, features2: 0xff };
const FEATURE_UTF8 = 0x10;

export class CallManager implements SessionOwner {
  readonly name: string;
  readonly counters: CallManagerCounters = {
    connections: 0,
    open: 0,
    registered: 0,
    registrations: 0,
    rejections: 0,
    unregistrations: 0,
    superseded: 0,
    keepalives: 0,
    silent: 0,
    lost: 0,
    alarms: 0,
    tokens: 0,
    unknown: 0,
    garbled: 0,
  };
  /** How RegisterTokenReq is answered: granted, or refused for so many seconds. */
  tokens: 'grant' | number = 'grant';
  listening = false;
  readonly slowness: Slowness;
  /** Devices that are rejected though they are in the table, and with which words. */
  readonly rejections = new Map<string, string>();
  /** Connections that register beyond this many a second are closed, and tokens refused. */
  readonly throttle = new Throttle();
  /** A phone that does not answer CapabilitiesReq within ten seconds is thrown out. */
  strictCapabilities: boolean;

  readonly #options: CallManagerOptions;
  readonly #keepaliveSeconds: number;
  readonly #standbySeconds: number;
  readonly #version: number;
  readonly #cupboard = new StationeryCupboard();
  readonly #sessions = new Set<Session>();
  readonly #byDevice = new Map<string, Session>();
  readonly #switchboard = new Switchboard({
    say: (device, messages) => this.#sayAll(device, messages),
    versionOf: (device) => this.#byDevice.get(device)?.stationery.dialect.version ?? 0,
    tell: (event) => this.#tell({ manager: this.name, ...event }),
  });
  readonly #registeredWatch: SilenceWatch;
  readonly #otherWatch: SilenceWatch;
  readonly #rejectedWatch: SilenceWatch;
  readonly #capabilitiesWatch: SilenceWatch;
  #listener: TcpListener | null = null;
  #secureListener: TcpListener | null = null;

  constructor(options: CallManagerOptions) {
    this.#options = options;
    this.name = options.name;
    this.#keepaliveSeconds = options.keepaliveSeconds ?? DEFAULTS.keepaliveSeconds;
    this.#standbySeconds = options.standbyKeepaliveSeconds ?? DEFAULTS.standbyKeepaliveSeconds;
    this.#version = options.version ?? DEFAULTS.version;
    const watch = (patience: number) =>
      new SilenceWatch(options.timeline, patience, (item, now) => this.#silent(now, item as Session));
    this.#registeredWatch = watch(MISSES * this.#keepaliveSeconds * SECOND + SLACK);
    this.#otherWatch = watch(MISSES * this.#standbySeconds * SECOND + SLACK);
    this.#rejectedWatch = watch(REJECTED_LINGER);
    this.#capabilitiesWatch = new SilenceWatch(options.timeline, CAPABILITIES_PATIENCE, (item, now) =>
      this.#incapable(now, item as Session),
    );
    this.slowness = new Slowness(options.timeline);
    this.strictCapabilities = options.strictCapabilities ?? false;
  }

  /** Starts to serve, or to listen again after `stop('silent')`. Throws when the port is taken. */
  start(): void {
    if (this.listening) return;
    const port = this.#options.port ?? SCCP_PORT;
    this.#listener ??= this.#options.sockets.listen(port, (now, socket) => this.#accept(now, socket));
    if (this.#listener === null) throw new Error(`${this.name}: TCP port ${port} is taken`);
    this.#listenSecurely();
    this.listening = true;
    this.#tell({ type: 'call-manager', manager: this.name, running: true, how: 'start' });
  }

  /** `silent` keeps every connection, and the listener, but neither hears nor says anything, as a hung process does. */
  stop(how: StopMode): void {
    if (!this.listening && how === 'silent') return;
    this.listening = false;
    this.#tell({ type: 'call-manager', manager: this.name, running: false, how });
    if (how === 'silent') return;
    const now = this.#options.timeline.now();
    this.#listener?.close(now);
    this.#secureListener?.close(now);
    this.#listener = null;
    this.#secureListener = null;
    for (const session of [...this.#sessions]) {
      this.#release(session);
      if (how === 'fin') session.close(now);
      else session.abort(now);
    }
  }

  isRegistered(device: string): boolean {
    return this.#byDevice.get(device)?.complete ?? false;
  }

  /** False when the device is not registered here. */
  reset(device: string, type: 'reset' | 'restart' | 'apply-config'): boolean {
    const resetType = type === 'restart' ? RESET.restart : type === 'apply-config' ? RESET.applyConfig : RESET.reset;
    return this.say(device, { type: 'Reset', resetType });
  }

  setMessageWaiting(device: string, on: boolean): boolean {
    return this.say(device, { type: 'SetLamp', stimulus: BUTTON.voiceMail, mode: on ? LAMP.on : LAMP.off });
  }

  /** Puts text on the status line of a phone; an empty one gives it back to the phone. */
  prompt(device: string, text: string): boolean {
    const session = this.#byDevice.get(device);
    if (session === undefined) return false;
    if (text === '') return this.say(device, { type: 'ClearPromptStatus' });
    return this.say(device, promptMessage(session.stationery.dialect, text));
  }

  /** Sends a registered device any message. */
  say(device: string, m: sccp.Outgoing): boolean {
    const session = this.#byDevice.get(device);
    if (session === undefined || !this.listening) return false;
    this.#send(this.#options.timeline.now(), session, m);
    return true;
  }

  #sayAll(device: string, messages: readonly sccp.Outgoing[]): boolean {
    const session = this.#byDevice.get(device);
    if (session === undefined || !this.listening) return false;
    session.send(this.#options.timeline.now(), together(session.stationery.dialect, ...messages));
    return true;
  }

  #listenSecurely(): void {
    const { secure, sockets } = this.#options;
    if (secure === undefined || this.#secureListener !== null) return;
    const port = secure.port ?? SECURE_SCCP_PORT;
    this.#secureListener = secure.services.listen(sockets, port, secure.tls, (now, socket, { commonName }) => {
      const session = this.#accept(now, socket);
      session.certifiedName = commonName;
      return session;
    });
    if (this.#secureListener === null) throw new Error(`${this.name}: TCP port ${port} is taken`);
  }

  #accept(_now: Instant, socket: TcpSocket): Session {
    const session = new Session(socket, this, this.#cupboard.of(0, 0, false));
    this.counters.connections++;
    this.counters.open++;
    this.#sessions.add(session);
    this.#otherWatch.touch(session);
    return session;
  }

  garbled(): void {
    this.counters.garbled++;
  }

  gone(now: Instant, session: Session, why: TcpGone): void {
    if (!this.#sessions.delete(session)) return;
    this.counters.open--;
    if (session.device === '') return;
    this.#lose(now, session, why);
    this.counters.lost++;
  }

  message(now: Instant, session: Session, m: sccp.Message): void {
    if (session.watch !== this.#rejectedWatch && session.watch !== this.#capabilitiesWatch)
      session.watch?.touch(session);
    switch (m.type) {
      case 'KeepAliveReq':
        this.counters.keepalives++;
        session.send(now, session.stationery.keepAliveAck);
        return;
      case 'RegisterReq':
        this.#register(now, session, m);
        return;
      case 'Alarm':
        this.counters.alarms++;
        this.#tell({ type: 'alarm', manager: this.name, ...this.#who(session), text: m.text });
        return;
      case 'RegisterTokenReq':
        this.counters.tokens++;
        this.#answerToken(now, session);
        return;
      case 'CapabilitiesRes':
      case 'UpdateCapabilities':
      case 'UpdateCapabilitiesV2':
      case 'UpdateCapabilitiesV3':
        if (session.watch === this.#capabilitiesWatch) this.#registeredWatch.touch(session);
        return;
      default:
        this.#request(now, session, m);
        return;
    }
  }

  #answerToken(now: Instant, session: Session): void {
    const wait = this.tokens !== 'grant' ? this.tokens : this.throttle.admits(now) ? null : THROTTLED_WAIT;
    if (wait === null) this.#send(now, session, { type: 'RegisterTokenAck' });
    else this.#send(now, session, { type: 'RegisterTokenReject', waitSeconds: wait });
  }

  /** What only a registered device may ask. */
  #request(now: Instant, session: Session, m: sccp.Message): void {
    const device = session.device === '' ? null : (session.row ?? this.#options.devices.find(session.device));
    if (device === null) return;
    switch (m.type) {
      case 'SoftKeyTemplateReq':
        session.send(now, session.stationery.softKeyTemplate);
        return;
      case 'SoftKeySetReq':
        session.send(now, session.stationery.softKeySets);
        return;
      case 'TimeDateReq':
        this.#completed(now, session);
        return;
      case 'UnregisterReq':
        this.#unregister(now, session);
        return;
      case 'ServerReq':
        this.#send(now, session, {
          type: 'ServerRes',
          serverName: [{ name: this.name }],
          port: [{ port: this.#options.port ?? SCCP_PORT }],
          ip: [{ ip: session.socket.local.address }],
        });
        return;
      case 'Unknown':
        this.counters.unknown++;
        return;
      default: {
        if (this.#switchboard.take(device, m)) return;
        const answer = answerAbout(device, m, this.name, session.stationery.dialect.version);
        if (answer !== null) this.#send(now, session, answer);
      }
    }
  }

  #register(now: Instant, session: Session, m: sccp.MessageOf<'RegisterReq'>): void {
    if (!this.throttle.admits(now)) {
      session.close(now);
      return;
    }
    const known = this.#options.devices.find(m.deviceName);
    const device = known ?? this.#autoRegister(m);
    const version = Math.min(m.protocolVer, this.#version);
    // A phone that writes 0 in its headers (7940, 7960) is written to in the same way.
    const headerVersion = m.headerVersion === 0 ? 0 : version;
    session.stationery = this.#cupboard.of(version, headerVersion, (m.features1 & FEATURE_UTF8) !== 0);
    const refusal = this.#refusal(session, device, m.deviceType);
    if (device === null || refusal !== null) {
      this.#reject(now, session, m.deviceName, refusal ?? UNKNOWN_DEVICE);
      return;
    }
    this.#supersede(now, session, m.deviceName);
    session.device = m.deviceName;
    session.row = device;
    session.complete = false;
    session.newcomer = known === null;
    this.#byDevice.set(m.deviceName, session);
    (this.strictCapabilities ? this.#capabilitiesWatch : this.#registeredWatch).touch(session);
    const features = version >= 11 ? ACK_FEATURES_11 : version >= 4 ? ACK_FEATURES_4 : {};
    const ack: sccp.Outgoing = {
      type: 'RegisterAck',
      headerVersion: 0,
      keepAliveInterval: this.#keepaliveSeconds,
      dateTemplate: this.#options.dateTemplate ?? DEFAULTS.dateTemplate,
      secondaryKeepAliveInterval: this.#standbySeconds,
      protocolVer: version,
      ...features,
    };
    session.send(now, together(session.stationery.dialect, ack, { type: 'CapabilitiesReq' }));
  }

  /** A phone that nobody wrote down becomes a device, where the cluster takes it. */
  #autoRegister({ deviceName, deviceType }: sccp.MessageOf<'RegisterReq'>): Device | null {
    const { devices, modelName } = this.#options;
    const model = modelName?.(deviceType) ?? `type ${deviceType}`;
    return devices.autoRegister(deviceName, { model, deviceType, protocol: 'sccp' });
  }

  #refusal(session: Session, device: Device | null, deviceType: number): string | null {
    if (device === null || device.protocol !== 'sccp') return UNKNOWN_DEVICE;
    if (device.deviceType !== deviceType) return TYPE_MISMATCH;
    if (this.#options.secure !== undefined && !suitsProfile(session.certifiedName, device)) return SECURITY_ERROR;
    return this.rejections.get(device.name) ?? this.#options.reject?.(device) ?? null;
  }

  #reject(now: Instant, session: Session, device: string, text: string): void {
    this.counters.rejections++;
    this.#send(now, session, { type: 'RegisterReject', text });
    this.#rejectedWatch.touch(session);
    const { address } = session.socket.remote;
    this.#tell({
      type: 'registration',
      outcome: 'rejected',
      manager: this.name,
      device,
      address,
      reason: text,
    });
  }

  /** A device registers once: the older connection is closed. */
  #supersede(now: Instant, session: Session, device: string): void {
    const older = this.#byDevice.get(device);
    if (session.device !== '' && session.device !== device) this.#release(session);
    if (older === undefined || older === session) return;
    this.counters.superseded++;
    this.#tell({ type: 'registration', outcome: 'superseded', manager: this.name, ...this.#who(older) });
    this.#release(older);
    older.close(now);
  }

  #completed(now: Instant, session: Session): void {
    const clock = (this.#options.epoch ?? DEFAULT_EPOCH) + now / MILLISECOND;
    this.#send(now, session, timeAndDate(Math.floor(clock), this.#options.zoneMinutes ?? 0));
    if (session.complete) return;
    session.complete = true;
    const device = session.row ?? this.#options.devices.find(session.device);
    if (device !== null) this.#switchboard.enter(device);
    session.row = null;
    this.counters.registered++;
    this.counters.registrations++;
    const { version } = session.stationery.dialect;
    this.#tell({ type: 'registration', outcome: 'registered', manager: this.name, ...this.#who(session), version });
    // What it registered with was the default file; its own is there now.
    if (session.newcomer) this.#send(now, session, { type: 'Reset', resetType: RESET.reset });
  }

  #unregister(now: Instant, session: Session): void {
    session.send(now, session.stationery.unregisterAck);
    this.counters.unregistrations++;
    this.#tell({ type: 'registration', outcome: 'unregistered', manager: this.name, ...this.#who(session) });
    this.#release(session);
    this.#otherWatch.touch(session);
  }

  #silent(now: Instant, session: Session): void {
    if (!this.listening) {
      // A hung process drops nobody.
      (session.device === '' ? this.#otherWatch : this.#registeredWatch).touch(session);
      return;
    }
    if (session.device !== '') {
      this.counters.silent++;
      this.#lose(now, session, 'silent');
    }
    session.close(now);
  }

  #incapable(now: Instant, session: Session): void {
    if (!this.listening) {
      this.#registeredWatch.touch(session);
      return;
    }
    this.#lose(now, session, 'no-capabilities');
    session.close(now);
  }

  #lose(_now: Instant, session: Session, reason: string): void {
    this.#tell({ type: 'registration', outcome: 'lost', manager: this.name, ...this.#who(session), reason });
    this.#release(session);
  }

  /** Forgets that a device is registered over this session. */
  #release(session: Session): void {
    if (session.device === '') return;
    if (session.complete) this.counters.registered--;
    if (this.#byDevice.get(session.device) === session) {
      this.#byDevice.delete(session.device);
      const device = session.complete ? this.#options.devices.find(session.device) : null;
      if (device !== null) this.#switchboard.leave(device);
    }
    session.device = '';
    session.row = null;
    session.complete = false;
  }

  #send(now: Instant, session: Session, m: sccp.Outgoing): void {
    session.send(now, sccp.encode(m, session.stationery.dialect));
  }

  #who(session: Session): { device: string; address: Ipv4 } {
    return { device: session.device, address: session.socket.remote.address };
  }

  #tell(event: CallManagerEvent): void {
    this.#options.events?.(this.#options.timeline.now(), event);
  }
}
