/** Who is registered with a SIP call manager: by device, found by number too, and forgotten when nothing is heard any more. */
import type { Timeline } from '../../hal/timeline.ts';
import type { Duration, Instant } from '../../hal/timer.ts';
import { SilenceWatch, type Watched } from '../call-manager/silence-watch.ts';
import type { Device, DeviceTable } from '../device-table.ts';
import { type Peer, TcpPeer } from './peer.ts';
import type { RegisterRequest } from './register-request.ts';

/** One registered device. Small: there may be 40,000. */
export class Registered implements Watched {
  readonly device: string;
  peer: Peer;
  contactUri: string;
  callId: string;
  heardAt: Instant = 0;
  watch: SilenceWatch | null = null;
  before: Watched | null = null;
  after: Watched | null = null;

  constructor(device: string, peer: Peer, contactUri: string, callId: string) {
    this.device = device;
    this.peer = peer;
    this.contactUri = contactUri;
    this.callId = callId;
  }
}

/** What becomes of a registration by itself. */
export interface RegistryOwner {
  registered(device: string, peer: Peer): void;
  /** The same device is here over another connection: this one is closed. */
  superseded(older: TcpPeer): void;
  /** It let its registration run out. */
  silent(registered: Registered): void;
  /** False while the call manager plays dead: a hung process drops nobody. */
  readonly listening: boolean;
}

export class Registry {
  readonly #devices: DeviceTable;
  readonly #owner: RegistryOwner;
  readonly #watch: SilenceWatch;
  readonly #byDevice = new Map<string, Registered>();
  /** Device names by directory number; null until somebody is looked for. */
  #byNumber: Map<string, string> | null = null;

  constructor(timeline: Timeline, devices: DeviceTable, patience: Duration, owner: RegistryOwner) {
    this.#devices = devices;
    this.#owner = owner;
    this.#watch = new SilenceWatch(timeline, patience, (item, now) => this.#silent(now, item as Registered));
  }

  get count(): number {
    return this.#byDevice.size;
  }

  find(device: string): Registered | null {
    return this.#byDevice.get(device) ?? null;
  }

  /** The SIP device with that directory number. */
  deviceOf(number: string): Device | null {
    // Numbers come and go with devices; one that is not found may be new.
    if (this.#byNumber?.has(number) !== true) this.#byNumber = this.#numbers();
    const name = this.#byNumber.get(number);
    return name === undefined ? null : this.#devices.find(name);
  }

  #numbers(): Map<string, string> {
    const numbers = new Map<string, string>();
    for (const { name, protocol, lines } of this.#devices) {
      if (protocol !== 'sip') continue;
      for (const { directoryNumber } of lines) numbers.set(directoryNumber, name);
    }
    return numbers;
  }

  keep(now: Instant, peer: Peer, device: string, { contactUri, callId }: RegisterRequest): Registered {
    const before = this.find(device);
    if (peer instanceof TcpPeer) peer.device = device;
    if (before !== null) {
      this.#watch.touch(before);
      if (before.peer !== peer && before.peer instanceof TcpPeer) this.#supersede(now, before.peer);
      before.peer = peer;
      before.contactUri = contactUri ?? before.contactUri;
      before.callId = callId;
      return before;
    }
    const registered = new Registered(device, peer, contactUri ?? '', callId);
    this.#byDevice.set(device, registered);
    this.#watch.touch(registered);
    this.#owner.registered(device, peer);
    return registered;
  }

  #supersede(now: Instant, older: TcpPeer): void {
    this.#owner.superseded(older);
    older.device = '';
    older.close(now);
  }

  #silent(now: Instant, registered: Registered): void {
    if (!this.#owner.listening) {
      this.#watch.touch(registered);
      return;
    }
    this.#owner.silent(registered);
    this.release(registered);
    if (registered.peer instanceof TcpPeer) registered.peer.close(now);
  }

  /** Forgets a registration. */
  release(registered: Registered): void {
    if (!this.#byDevice.delete(registered.device)) return;
    registered.watch?.drop(registered);
    if (registered.peer instanceof TcpPeer) registered.peer.device = '';
  }

  clear(): void {
    for (const registered of [...this.#byDevice.values()]) this.release(registered);
  }
}
