/** The hosts on which one service of the lab listens over TLS. */
import type { Sockets, TcpListener, TcpSink, TcpSocket } from '../firmware/net/sockets.ts';
import type { Instant } from '../hal/timer.ts';
import type { SecureListenerOptions, SecureServices } from './secure-listener.ts';

export interface SecureHomesOptions {
  readonly services: SecureServices;
  readonly tls: SecureListenerOptions;
  readonly port: number;
  readonly accept: (socket: TcpSocket) => TcpSink;
}

export class SecureHomes {
  readonly #options: SecureHomesOptions;
  readonly #homes: { readonly sockets: Sockets; listener: TcpListener | null }[] = [];

  constructor(options: SecureHomesOptions) {
    this.#options = options;
  }

  add(sockets: Sockets): void {
    this.#homes.push({ sockets, listener: null });
  }

  start(): void {
    const { services, tls, port, accept } = this.#options;
    for (const home of this.#homes) {
      home.listener ??= services.listen(home.sockets, port, tls, (_now, socket) => accept(socket));
    }
  }

  stop(now: Instant): void {
    for (const home of this.#homes) {
      home.listener?.close(now);
      home.listener = null;
    }
  }
}
