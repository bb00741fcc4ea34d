import type { Ipv4 } from '../../hal/nic.ts';
import { type Instant, SECOND } from '../../hal/timer.ts';
import type { TunableValues } from '../../hal/tunables.ts';
import { isMalformed } from '../malformed.ts';
import type {
  ConnectOptions,
  Endpoint,
  Mark,
  Sockets,
  TcpGone,
  TcpSink,
  TcpSocket,
  UdpSocket,
} from '../net/sockets.ts';
import type { FileOutcome, FileSink } from '../protocols/file-outcome.ts';
import { HTTP_PORT, HTTPS_PORT, HttpClient, type HttpOut } from '../protocols/http.ts';
import { TftpClient, type TftpEndpoint, type TftpOut } from '../protocols/tftp.ts';
import * as tftp from '../wire/tftp.ts';

/** One file asked of one server by one protocol: a machine and its socket. */
export interface Download {
  /** `done` is called once, from within this. */
  dispatch(now: Instant, done: (outcome: FileOutcome) => void): void;
  pollAt(): Instant;
  /** Silence; harmless when it is over. */
  close(now: Instant): void;
}

/** Opens TLS; the sink hears of it when the server has been recognized. */
export type OpenSecurely = (now: Instant, remote: Endpoint, sink: TcpSink, options: ConnectOptions) => TcpSocket;

export interface DownloadRequest {
  readonly name: string;
  readonly server: Ipv4;
  /** Octets. */
  readonly maxSize: number;
  readonly sink: FileSink | null;
  readonly mark: Mark;
  /** Makes HTTP into HTTPS. */
  readonly https: OpenSecurely | null;
  /** For HTTP, instead of the usual one. */
  readonly port?: number;
}

/** Each request leaves from a port of its own: the server tells transfers apart by it (RFC 1350 section 4). */
export class TftpDownload implements Download {
  readonly #client: TftpClient;
  readonly #socket: UdpSocket;

  constructor(stack: Sockets, tunables: TunableValues, now: Instant, request: DownloadRequest) {
    const { name, server, maxSize, sink, mark } = request;
    const client = new TftpClient(tunables);
    const received = (at: Instant, payload: Uint8Array, from: TftpEndpoint): void => {
      const message = tftp.parse(payload);
      if (!isMalformed(message)) client.process(at, { kind: 'received', message, from });
    };
    const unreachable = (at: Instant, to: TftpEndpoint): void => client.process(at, { kind: 'unreachable', to });
    const socket = stack.udp(0, received, { mark, unreachable });
    if (socket === null) throw new Error('no ephemeral UDP port is free');
    this.#client = client;
    this.#socket = socket;
    client.process(now, { kind: 'start', name, server, maxSize, ...(sink === null ? {} : { sink }) });
  }

  dispatch(now: Instant, done: (outcome: FileOutcome) => void): void {
    this.#client.dispatch(now, (out: TftpOut) => {
      if (out.kind === 'send') {
        const payload = new Uint8Array(tftp.lengthOf(out.message));
        tftp.emit(out.message, payload);
        this.#socket.send(now, out.to, payload);
        return;
      }
      this.#socket.close();
      done(out);
    });
  }

  pollAt(): Instant {
    return this.#client.pollAt();
  }

  close(): void {
    this.#socket.close();
  }
}

/** A TCP connection for each file. */
export class HttpDownload implements Download, TcpSink {
  readonly #stack: Sockets;
  readonly #tunables: TunableValues;
  readonly #client: HttpClient;
  readonly #mark: Mark;
  readonly #https: OpenSecurely | null;
  #socket: TcpSocket | null = null;

  constructor(stack: Sockets, tunables: TunableValues, now: Instant, request: DownloadRequest) {
    const { name, server, maxSize, sink, mark, https } = request;
    this.#mark = mark;
    this.#https = https;
    this.#stack = stack;
    this.#tunables = tunables;
    this.#client = new HttpClient(tunables);
    const port = request.port ?? (https === null ? HTTP_PORT : HTTPS_PORT);
    this.#client.process(now, { kind: 'start', name, server, port, maxSize, ...(sink === null ? {} : { sink }) });
  }

  dispatch(now: Instant, done: (outcome: FileOutcome) => void): void {
    this.#client.dispatch(now, (out) => this.#obey(now, out, done));
  }

  pollAt(): Instant {
    return this.#client.pollAt();
  }

  close(now: Instant): void {
    this.#client.process(now, { kind: 'stop' });
    this.#socket?.abort(now);
    this.#socket = null;
  }

  connected(now: Instant): void {
    this.#client.process(now, { kind: 'connected' });
  }

  data(now: Instant, octets: Uint8Array): void {
    this.#client.process(now, { kind: 'data', octets });
  }

  ended(now: Instant): void {
    this.#client.process(now, { kind: 'ended' });
    this.#socket?.close(now);
  }

  writable(): void {}

  gone(now: Instant, why: TcpGone): void {
    this.#socket = null;
    this.#client.process(now, { kind: 'gone', why });
  }

  #obey(now: Instant, out: HttpOut, done: (outcome: FileOutcome) => void): void {
    switch (out.kind) {
      case 'connect': {
        const connectTimeout = this.#tunables['http.connectTimeout'] * SECOND;
        const options = { connectTimeout, mark: this.#mark };
        const remote = { address: out.address, port: out.port };
        this.#socket = this.#https?.(now, remote, this, options) ?? this.#stack.connect(now, remote, this, options);
        return;
      }
      case 'write':
        // Two lines, the first thing on the connection: the send buffer is empty and holds far more.
        this.#socket?.write(now, out.octets);
        return;
      case 'close':
        this.#socket?.close(now);
        this.#socket = null;
        return;
      case 'abort':
        this.#socket?.abort(now);
        this.#socket = null;
        return;
      case 'done':
        done(out);
        return;
    }
  }
}
