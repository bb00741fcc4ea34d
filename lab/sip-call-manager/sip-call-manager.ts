/**
 * The lab's call manager, SIP side: answers Cisco phones as CUCM does and others as a plain registrar, over TCP and UDP of any `Sockets`.
 *
 * Phones are known by the device table. Timers run on the world's timeline, one alarm for all phones.
 */
import { isMalformed } from '../../firmware/malformed.ts';
import type { TcpGone, TcpListener, UdpSocket } from '../../firmware/net/sockets.ts';
import { parseAuthorization } from '../../firmware/wire/sip/digest.ts';
import { encode, headerValue, type Message, parse, type Request } from '../../firmware/wire/sip/message.ts';
import { judgeRequest } from '../../firmware/wire/sip/validity.ts';
import { type Instant, SECOND } from '../../hal/timer.ts';
import type { CallManagerEvent, StopMode } from '../call-manager/call-manager-options.ts';
import type { Device } from '../device-table.ts';
import { suitsProfile } from '../secure-listener.ts';
import { Slowness } from '../slowness.ts';
import { Throttle } from '../throttle.ts';
import { DigestCheck } from './digest-check.ts';
import { Outbox } from './outbox.ts';
import { type Peer, type PeerOwner, TcpPeer, UdpPeer } from './peer.ts';
import { alarmOf, asksForToken, type RegisterRequest, readRegister, tellsAlarm } from './register-request.ts';
import { type Registered, Registry, type RegistryOwner } from './registry.ts';
import { Repeats } from './repeats.ts';
import type { SipCallManagerCounters, SipCallManagerOptions } from './sip-call-manager-options.ts';
import {
  asksForAllLines,
  messageSummary,
  optionsHeaders,
  SECURE_SIP_PORT,
  SIP_PORT,
  serviceControl,
  welcome,
  withRemotecc,
} from './stationery.ts';
import { type Callee, Switchboard } from './switchboard.ts';

/** CUCM keeps a phone that misses its refresh for so long. */
const GRACE = 15 * SECOND;
const DEFAULT_EXPIRES = 120;
/** CUCM's own figure with 403. */
const REJECTED_WAIT = 35;

/** Seconds after which one that was throttled may come again. */
const THROTTLED_WAIT = 10;

export class SipCallManager implements PeerOwner, RegistryOwner {
  readonly name: string;
  readonly counters: SipCallManagerCounters = {
    connections: 0,
    open: 0,
    registered: 0,
    registrations: 0,
    refreshes: 0,
    challenges: 0,
    rejections: 0,
    unregistrations: 0,
    superseded: 0,
    keepalives: 0,
    silent: 0,
    lost: 0,
    alarms: 0,
    tokens: 0,
    bad: 0,
    garbled: 0,
  };
  /** How a token REFER is answered: granted, or refused for so many seconds. */
  tokens: 'grant' | number = 'grant';
  /** Seconds of Retry-After with which every REGISTER gets 503; null takes them. */
  unavailable: number | null = null;
  listening = false;
  readonly slowness: Slowness;
  /** Devices that are rejected though they are in the table, and with which words. */
  readonly rejections = new Map<string, string>();
  /** Registrations beyond this many a second get 503; refreshes go through. */
  readonly throttle = new Throttle();

  readonly #options: SipCallManagerOptions;
  readonly #expires: number;
  readonly #digest: DigestCheck | null;
  readonly #repeats: Repeats;
  readonly #outbox: Outbox;
  readonly #peers = new Set<TcpPeer>();
  readonly #registry: Registry;
  #listener: TcpListener | null = null;
  #secureListener: TcpListener | null = null;
  #udp: UdpSocket | null = null;
  readonly switchboard: Switchboard;

  constructor(options: SipCallManagerOptions) {
    this.#options = options;
    this.name = options.name;
    this.#expires = options.expiresSeconds ?? DEFAULT_EXPIRES;
    this.#digest = options.digest === undefined ? null : new DigestCheck(options.digest.realm, options.name);
    const patience = this.#expires * SECOND + GRACE;
    this.#registry = new Registry(options.timeline, options.devices, patience, this);
    this.slowness = new Slowness(options.timeline);
    this.#repeats = new Repeats(options.timeline, () => {});
    this.#outbox = new Outbox(options, this.#repeats);
    this.switchboard = new Switchboard({
      repeats: this.#repeats,
      now: () => options.timeline.now(),
      letterhead: () => this.#outbox.letterhead(),
      calleeOf: (number) => this.#calleeOf(number),
    });
  }

  /** Starts to serve, or to listen again after `stop('silent')`. Throws when a port is taken. */
  start(): void {
    if (this.listening) return;
    const { sockets, port = SIP_PORT } = this.#options;
    this.#listener ??= sockets.listen(port, (_now, socket) => this.#accept(new TcpPeer(socket, this)));
    this.#udp ??= sockets.udp(port, (now, payload, from) => this.#datagram(now, payload, from));
    if (this.#listener === null) throw new Error(`${this.name}: TCP port ${port} is taken`);
    this.#listenSecurely();
    this.listening = true;
    this.#tell({ type: 'call-manager', manager: this.name, running: true, how: 'start' });
  }

  #listenSecurely(): void {
    const { secure, sockets } = this.#options;
    if (secure === undefined || this.#secureListener !== null) return;
    this.#secureListener = secure.services.listen(sockets, SECURE_SIP_PORT, secure.tls, (_now, socket, client) =>
      this.#accept(new TcpPeer(socket, this, client.commonName)),
    );
    if (this.#secureListener === null) throw new Error(`${this.name}: TCP port ${SECURE_SIP_PORT} is taken`);
  }

  /** `silent` keeps every connection, and the listener, but neither hears nor says anything, as a hung process does. */
  stop(how: StopMode): void {
    if (!this.listening && how === 'silent') return;
    this.listening = false;
    this.#tell({ type: 'call-manager', manager: this.name, running: false, how });
    this.#repeats.clear();
    this.switchboard.clear();
    if (how === 'silent') return;
    const now = this.#options.timeline.now();
    this.#listener?.close(now);
    this.#listener = null;
    this.#secureListener?.close(now);
    this.#secureListener = null;
    this.#udp?.close();
    this.#udp = null;
    this.#registry.clear();
    this.counters.registered = 0;
    for (const peer of [...this.#peers]) {
      peer.device = '';
      if (how === 'fin') peer.close(now);
      else peer.abort(now);
    }
  }

  isRegistered(device: string): boolean {
    return this.#registry.find(device) !== null;
  }

  /** Service control. False when the device is not registered here. */
  reset(device: string, type: 'reset' | 'restart' | 'apply-config' | 'check-version'): boolean {
    const registered = this.#registry.find(device);
    if (registered === null || !this.listening) return false;
    const text = { action: type, registerCallId: registered.callId, configVersionStamp: this.#stampOf(device) };
    this.#outbox.ask(registered, (to) => serviceControl(to, text));
    return true;
  }

  setMessageWaiting(device: string, on: boolean): boolean {
    const registered = this.#registry.find(device);
    if (registered === null || !this.listening) return false;
    this.#outbox.ask(registered, (to) => messageSummary(to, on));
    return true;
  }

  garbled(): void {
    this.counters.garbled++;
  }

  gone(_now: Instant, peer: TcpPeer, why: TcpGone): void {
    if (!this.#peers.delete(peer)) return;
    this.counters.open--;
    this.switchboard.gone(peer);
    const registered = this.#registry.find(peer.device);
    if (registered?.peer !== peer) return;
    this.counters.lost++;
    this.#event('lost', registered.device, peer, { reason: why });
    this.#release(registered);
  }

  message(now: Instant, peer: Peer, m: Message): void {
    if (m.kind === 'response') {
      if (!this.switchboard.answers(m)) this.#repeats.answered(headerValue(m, 'Call-ID') ?? '');
      return;
    }
    if (m.method === 'ACK') {
      this.switchboard.asks(peer, m);
      return;
    }
    const refusal = judgeRequest(m);
    if (refusal !== null) {
      this.counters.bad++;
      this.#outbox.reply(now, peer, m, refusal.status, refusal.reason);
      return;
    }
    if (this.switchboard.asks(peer, m)) return;
    switch (m.method) {
      case 'REGISTER':
        this.#register(now, peer, m);
        return;
      case 'REFER':
        this.#refer(now, peer, m);
        return;
      case 'OPTIONS':
        this.#outbox.reply(now, peer, m, 200, 'OK', optionsHeaders());
        return;
      case 'SUBSCRIBE':
      case 'NOTIFY':
      case 'PUBLISH':
        this.#outbox.reply(now, peer, m, 200, 'OK', [{ name: 'Expires', value: headerValue(m, 'Expires') ?? '0' }]);
        return;
      default:
        this.#outbox.reply(now, peer, m, 405, 'Method Not Allowed', optionsHeaders());
    }
  }

  #accept(peer: TcpPeer): TcpPeer {
    this.counters.connections++;
    this.counters.open++;
    this.#peers.add(peer);
    return peer;
  }

  #datagram(now: Instant, payload: Uint8Array, from: { readonly address: number; readonly port: number }): void {
    if (this.slowness.none) this.#heard(now, payload, from);
    else this.slowness.later(now, payload, (at, kept) => this.#heard(at, kept, from));
  }

  #heard(now: Instant, payload: Uint8Array, from: { readonly address: number; readonly port: number }): void {
    if (!this.listening || this.#udp === null) return;
    const m = parse(payload);
    const peer = new UdpPeer(this.#udp, from);
    if (isMalformed(m)) this.counters.garbled++;
    else this.message(now, peer, m);
  }

  #refer(now: Instant, peer: Peer, m: Request): void {
    if (asksForToken(m)) {
      this.counters.tokens++;
      if (this.tokens === 'grant') this.#outbox.reply(now, peer, m, 202, 'Accepted');
      else this.#outbox.reply(now, peer, m, 486, 'Busy Here', [{ name: 'Retry-After', value: String(this.tokens) }]);
      return;
    }
    if (tellsAlarm(m)) {
      this.counters.alarms++;
      const text = new TextDecoder().decode(m.body);
      const device = /"DeviceName">([^<]*)</.exec(text)?.[1] ?? '';
      this.#tell({ type: 'alarm', manager: this.name, device, address: peer.remote.address, text });
    }
    this.#outbox.reply(now, peer, m, 202, 'Accepted');
  }

  #register(now: Instant, peer: Peer, m: Request): void {
    const its = readRegister(m);
    if (its.keepAlive) {
      this.counters.keepalives++;
      this.#outbox.reply(now, peer, m, 200, 'OK', [{ name: 'Expires', value: '0' }]);
      return;
    }
    const isThrottled = its.expires > 0 && this.#isNew(its) && !this.throttle.admits(now);
    if (this.unavailable !== null || isThrottled) {
      const wait = { name: 'Retry-After', value: String(this.unavailable ?? THROTTLED_WAIT) };
      this.#outbox.reply(now, peer, m, 503, 'Service Unavailable', [wait]);
      return;
    }
    this.#outbox.reply(now, peer, m, 100, 'Trying');
    const known = this.#deviceOf(its);
    const device = known ?? this.#autoRegister(its);
    const refusal = this.#refusal(peer, device, its);
    if (device === null || refusal !== null) {
      this.#reject(now, peer, m, its, refusal);
      return;
    }
    if (!this.#authenticated(now, peer, m, device, its)) return;
    if (its.expires > 0 && its.expires < (this.#options.minExpires ?? 0)) {
      this.#outbox.reply(now, peer, m, 423, 'Interval Too Brief', [
        { name: 'Min-Expires', value: String(this.#options.minExpires) },
      ]);
      return;
    }
    if (its.expires === 0) this.#unregister(now, peer, m, device);
    else {
      this.#accepted(now, peer, m, device, its);
      // What it registered with was the default file; its own is there now.
      if (known === null) this.reset(device.name, 'reset');
    }
  }

  /** A phone that nobody wrote down becomes a device, where the cluster takes it. Null for a phone of another maker. */
  #autoRegister({ deviceName, deviceType, expires }: RegisterRequest): Device | null {
    const { devices, modelName } = this.#options;
    if (deviceName === '' || deviceType === null || expires === 0) return null;
    const model = modelName?.(deviceType) ?? `type ${deviceType}`;
    return devices.autoRegister(deviceName, { model, deviceType, protocol: 'sip' });
  }

  #isNew({ deviceName, callId }: RegisterRequest): boolean {
    return this.#registry.find(deviceName)?.callId !== callId;
  }

  #deviceOf({ deviceName, user }: RegisterRequest): Device | null {
    if (deviceName !== '') return this.#options.devices.find(deviceName);
    // A phone of another maker says no more than its number.
    return this.#registry.deviceOf(user);
  }

  #refusal(peer: Peer, device: Device | null, its: RegisterRequest): string | null {
    if (device === null) return 'Unable to find a device/user in database';
    if (device.protocol !== 'sip') return 'Device protocol mismatch';
    if (its.deviceType !== null && its.deviceType !== device.deviceType) return 'Device type mismatch';
    if (this.#options.secure !== undefined && !suitsProfile(peer.certifiedName ?? null, device))
      return 'Security profile mismatch';
    return this.rejections.get(device.name) ?? this.#options.reject?.(device) ?? null;
  }

  #reject(now: Instant, peer: Peer, m: Request, its: RegisterRequest, why: string | null): void {
    this.counters.rejections++;
    const reason = why ?? 'Unable to find a device/user in database';
    const unknown = this.#deviceOf(its) === null;
    const headers = [{ name: 'Warning', value: `399 ${this.name} "${reason}"` }];
    if (!unknown) headers.push({ name: 'Retry-After', value: String(REJECTED_WAIT) });
    this.#outbox.reply(now, peer, m, unknown ? 404 : 403, unknown ? 'Not Found' : 'Forbidden', headers);
    this.#event('rejected', its.deviceName || its.user, peer, { reason });
  }

  /** True when the phone has shown that it knows the password, or nobody asks. Otherwise it has its answer. */
  #authenticated(now: Instant, peer: Peer, m: Request, device: Device, its: RegisterRequest): boolean {
    const digest = this.#digest;
    if (digest === null) return true;
    const said = headerValue(m, 'Authorization');
    const answer = said === null ? null : parseAuthorization(said, m.method);
    const credentials = device.lines.find(({ authPassword }) => (authPassword ?? '') !== '');
    const password = credentials?.authPassword ?? '';
    const verdict = answer === null ? 'none' : digest.check(now, answer, password);
    const userName = credentials?.authName ?? its.user;
    if (verdict === 'right' && answer?.userName === userName) return true;
    this.counters.challenges++;
    const challenge = { name: 'WWW-Authenticate', value: digest.challenge(now, verdict === 'stale') };
    this.#outbox.reply(now, peer, m, 401, 'Unauthorized', [challenge]);
    return false;
  }

  #accepted(now: Instant, peer: Peer, m: Request, device: Device, its: RegisterRequest): void {
    const before = this.#registry.find(device.name);
    const isNew = before?.callId !== its.callId;
    const third = its.deviceName === '';
    const bulk = this.#options.remotecc !== false && asksForAllLines(m);
    const registered = this.#registry.keep(now, peer, device.name, its);
    const granted = third ? Math.min(its.expires, this.#expires) : this.#expires;
    const contacts = contactList(device, its, granted, bulk, before === null);
    const headers = contacts.map((value) => ({ name: 'Contact', value }));
    headers.push({ name: 'Expires', value: String(granted) });
    headers.push({ name: 'Supported', value: 'X-cisco-sis-10.0.0,X-cisco-srtp-fallback,X-cisco-xsi-9.0.1' });
    const answer = this.#outbox.response(now, peer, m, 200, 'OK', headers);
    peer.send(now, encode(bulk ? withRemotecc(answer) : answer));
    if (!isNew) {
      this.counters.refreshes++;
      return;
    }
    const alarm = alarmOf(m);
    if (alarm !== null)
      this.#tell({ type: 'alarm', manager: this.name, device: device.name, address: peer.remote.address, text: alarm });
    if (!bulk) return;
    const text = {
      action: 'check-version',
      registerCallId: its.callId,
      configVersionStamp: this.#stampOf(device.name),
    };
    this.#outbox.ask(registered, (to) => welcome(to, device.lines.length, text));
  }

  #unregister(now: Instant, peer: Peer, m: Request, device: Device): void {
    const registered = this.#registry.find(device.name);
    this.#outbox.reply(now, peer, m, 200, 'OK', [{ name: 'Expires', value: '0' }]);
    if (registered === null) return;
    this.counters.unregistrations++;
    this.#event('unregistered', device.name, peer, {});
    this.#release(registered);
  }

  registered(device: string, peer: Peer): void {
    this.counters.registered++;
    this.counters.registrations++;
    this.#event('registered', device, peer, {});
  }

  superseded(older: TcpPeer): void {
    this.counters.superseded++;
    this.#event('superseded', older.device, older, {});
  }

  silent({ device, peer }: Registered): void {
    this.counters.silent++;
    this.counters.registered--;
    this.#event('lost', device, peer, { reason: 'silent' });
  }

  #release(registered: Registered): void {
    this.#registry.release(registered);
    this.counters.registered--;
  }

  #calleeOf(number: string): Callee | 'absent' | null {
    const device = this.#registry.deviceOf(number);
    if (device === null) return null;
    const registered = this.#registry.find(device.name);
    return registered === null ? 'absent' : { peer: registered.peer, contactUri: registered.contactUri };
  }

  #stampOf(name: string): string {
    const device = this.#options.devices.find(name);
    return device === null ? '' : (this.#options.versionStamp?.(device) ?? '');
  }

  #event(
    outcome: Extract<CallManagerEvent, { type: 'registration' }>['outcome'],
    device: string,
    peer: Peer,
    more: { readonly reason?: string },
  ): void {
    const { address } = peer.remote;
    this.#tell({ type: 'registration', outcome, manager: this.name, device, address, ...more });
  }

  #tell(event: CallManagerEvent): void {
    this.#options.events?.(this.#options.timeline.now(), event);
  }
}

/** Contact of each line that is registered now: the one that asked, and in bulk all others of the device. */
function contactList(device: Device, its: RegisterRequest, expires: number, bulk: boolean, isNew: boolean): string[] {
  const first = `${its.contact};expires=${expires}${isNew && its.deviceName !== '' ? ';x-cisco-newreg' : ''}`;
  if (!bulk || its.contactUri === null) return [first];
  const place = its.contactUri.slice(its.contactUri.indexOf('@'));
  const others = device.lines.filter(({ directoryNumber }) => directoryNumber !== its.user);
  return [first, ...others.map(({ directoryNumber }) => `<sip:${directoryNumber}${place}>;expires=${expires}`)];
}
