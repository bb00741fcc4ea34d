/**
 * The files of a TFTP server by HTTP, as a call manager's TFTP service offers them on port 6970, and over TLS on 6971: the same names, GET only, and the header
 * fields of CUCM's answers with their capitalisation. The telephone closes the connection; a server that did would be closed on.
 */
import type { Endpoint, Sockets, TcpGone, TcpListener, TcpSink, TcpSocket } from '../firmware/net/sockets.ts';
import { ipv4Text } from '../firmware/wire/address.ts';
import { emitLatin1, latin1 } from '../firmware/wire/text.ts';
import type { Ipv4 } from '../hal/nic.ts';
import type { Timeline } from '../hal/timeline.ts';
import type { Instant } from '../hal/timer.ts';
import { DEAF, type LabEvent, type LabEventSink } from './lab-event.ts';
import type { SecureListenerOptions, SecureServices } from './secure-listener.ts';
import type { FileProvider } from './tftp-server.ts';

export const HTTP_FILE_PORT = 6970;
export const HTTPS_FILE_PORT = 6971;

export interface HttpFileServerOptions {
  readonly timeline: Timeline;
  readonly files: FileProvider;
  readonly events?: LabEventSink;
  /** Makes it HTTPS. */
  readonly secure?: { readonly services: SecureServices; readonly tls: SecureListenerOptions };
}

export interface HttpFileCounters {
  requests: number;
  /** Files that went out, and their octets. */
  sent: number;
  octets: number;
  notFound: number;
  /** 403: refused by the provider; 400 and 405: no GET. */
  refused: number;
  /** 503. */
  busy: number;
}

/** Request line and header fields; a phone sends two lines. */
const MAX_HEAD = 4_096;

const END_OF_HEAD = '\r\n\r\n';

const REASONS: Readonly<Record<number, string>> = {
  200: 'OK',
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  503: 'Service Unavailable',
};

interface Home {
  readonly sockets: Sockets;
  readonly address: Ipv4;
  listener: TcpListener | null;
}

type HttpOutcome = Extract<LabEvent, { readonly type: 'http' | 'https' }>['outcome'];

export class HttpFileServer {
  readonly counters: HttpFileCounters = { requests: 0, sent: 0, octets: 0, notFound: 0, refused: 0, busy: 0 };
  /** Answers everything with 503, as CUCM does while it builds its files. */
  busy = false;
  readonly #timeline: Timeline;
  readonly #files: FileProvider;
  readonly #events: LabEventSink;
  readonly #secure: HttpFileServerOptions['secure'];
  readonly #scheme: 'http' | 'https';
  readonly #homes: Home[] = [];
  readonly #sessions = new Set<HttpSession>();
  #running = false;

  constructor(options: HttpFileServerOptions) {
    this.#timeline = options.timeline;
    this.#files = options.files;
    this.#events = options.events ?? DEAF;
    this.#secure = options.secure;
    this.#scheme = options.secure === undefined ? 'http' : 'https';
  }

  get running(): boolean {
    return this.#running;
  }

  serve(sockets: Sockets, address: Ipv4): void {
    const home: Home = { sockets, address, listener: null };
    this.#homes.push(home);
    if (this.#running) this.#open(home);
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    for (const home of this.#homes) this.#open(home);
    this.#events(this.#timeline.now(), { type: 'service', service: this.#scheme, running: true });
  }

  /** Refuses connections from now on and resets those that are open. */
  stop(): void {
    if (!this.#running) return;
    this.#running = false;
    const now = this.#timeline.now();
    for (const session of this.#sessions) session.socket.abort(now);
    this.#sessions.clear();
    for (const home of this.#homes) {
      home.listener?.close(now);
      home.listener = null;
    }
    this.#events(now, { type: 'service', service: this.#scheme, running: false });
  }

  #open(home: Home): void {
    const port = this.#secure === undefined ? HTTP_FILE_PORT : HTTPS_FILE_PORT;
    const accept = (_now: Instant, socket: TcpSocket): TcpSink => {
      const session: HttpSession = new HttpSession(
        socket,
        (now, head) => this.#answer(now, home, head, socket.remote),
        () => this.#sessions.delete(session),
      );
      this.#sessions.add(session);
      return session;
    };
    home.listener =
      this.#secure === undefined
        ? home.sockets.listen(port, accept)
        : this.#secure.services.listen(home.sockets, port, this.#secure.tls, accept);
    if (home.listener === null) throw new Error(`port ${port} is taken on ${ipv4Text(home.address)}`);
  }

  #answer(now: Instant, home: Home, head: string, client: Endpoint): Uint8Array {
    const [, method, target] = /^([A-Z]+) \/(\S*) HTTP\/1\.[01]\r\n/.exec(head) ?? [];
    const name = target === undefined ? null : decoded(target);
    if (method === undefined || name === null) {
      this.counters.refused += 1;
      return response(400, null);
    }
    this.counters.requests += 1;
    this.#tell(now, 'request', name, client, home.address, 0);
    if (method !== 'GET') {
      this.counters.refused += 1;
      return response(405, null);
    }
    if (this.busy) {
      this.counters.busy += 1;
      this.#tell(now, 'busy', name, client, home.address, 0);
      return response(503, null);
    }
    const file = this.#files({ name, client: client.address, server: home.address });
    if (file === null) {
      this.counters.notFound += 1;
      this.#tell(now, 'not-found', name, client, home.address, 0);
      return response(404, null);
    }
    if (!('subarray' in file)) {
      this.counters.refused += 1;
      this.#tell(now, 'refused', name, client, home.address, 0);
      return response(403, null);
    }
    this.counters.sent += 1;
    this.counters.octets += file.length;
    this.#tell(now, 'sent', name, client, home.address, file.length);
    return response(200, file);
  }

  #tell(now: Instant, outcome: HttpOutcome, file: string, client: Endpoint, server: Ipv4, octets: number): void {
    if (this.#events === DEAF) return;
    const clientText = ipv4Text(client.address);
    this.#events(now, { type: this.#scheme, outcome, file, client: clientText, server: ipv4Text(server), octets });
  }
}

/** One connection: a request, its answer, perhaps another one. */
class HttpSession implements TcpSink {
  readonly socket: TcpSocket;
  readonly #answer: (now: Instant, head: string) => Uint8Array;
  readonly #over: () => void;
  #head = '';
  /** Answers, or what is left of them, that wait for room in the send buffer. */
  #unsent: Uint8Array[] = [];

  constructor(socket: TcpSocket, answer: (now: Instant, head: string) => Uint8Array, over: () => void) {
    this.socket = socket;
    this.#answer = answer;
    this.#over = over;
  }

  connected(): void {}

  data(now: Instant, octets: Uint8Array): void {
    this.#head += latin1(octets, 0, octets.length);
    for (let end = this.#head.indexOf(END_OF_HEAD); end !== -1; end = this.#head.indexOf(END_OF_HEAD)) {
      const head = this.#head.slice(0, end + END_OF_HEAD.length);
      this.#head = this.#head.slice(head.length);
      this.#unsent.push(this.#answer(now, head));
    }
    if (this.#head.length > MAX_HEAD) {
      this.socket.abort(now);
      return;
    }
    this.writable(now);
  }

  ended(now: Instant): void {
    this.socket.close(now);
  }

  writable(now: Instant): void {
    while (this.#unsent.length > 0) {
      const octets = this.#unsent[0]!;
      const taken = this.socket.write(now, octets);
      if (taken < octets.length) {
        this.#unsent[0] = octets.subarray(taken);
        return;
      }
      this.#unsent.shift();
    }
  }

  gone(_now: Instant, _why: TcpGone): void {
    this.#unsent = [];
    this.#over();
  }
}

/** Null when the percent encoding is broken. */
function decoded(target: string): string | null {
  try {
    return decodeURIComponent(target);
  } catch {
    return null;
  }
}

/** `Content-length`, `Cache-Control`, `Content-type` as a CUCM trace shows them. */
function response(status: number, file: Uint8Array | null): Uint8Array {
  const length = file?.length ?? 0;
  const type = file === null ? '' : 'Content-type: */*\r\n';
  const head = `HTTP/1.1 ${status} ${REASONS[status]}\r\nContent-length: ${length}\r\nCache-Control: no-store\r\n${type}\r\n`;
  const octets = new Uint8Array(head.length + length);
  emitLatin1(head, octets, 0);
  if (file !== null) octets.set(file, head.length);
  return octets;
}
