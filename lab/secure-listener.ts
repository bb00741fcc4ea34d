/** TLS for the lab's servers, over any sockets: the phone's own engine and connection, from the other side. */
import { X509Certificate } from 'node:crypto';
import { Completions } from '../firmware/net/completions.ts';
import { SecureSocket } from '../firmware/net/secure-socket.ts';
import type { Sockets, TcpListener, TcpSink, TcpSocket } from '../firmware/net/sockets.ts';
import { StartedOperations } from '../hal/host/started-operations.ts';
import { serverContext, TlsEngine, type TlsServerOptions } from '../hal/host/tls-engine.ts';
import type { Timeline } from '../hal/timeline.ts';
import type { Instant } from '../hal/timer.ts';
import type { TlsHandshake } from '../hal/tls.ts';
import type { Device } from './device-table.ts';

export interface SecureListenerOptions extends Omit<TlsServerOptions, 'asksForCertificate'> {
  /** Who has to have signed clients' certificates; null asks for none. */
  readonly clientAuthorities: readonly Uint8Array[] | null;
}

/** A client that has been let in. */
export interface SecureClient {
  readonly handshake: TlsHandshake;
  /** Common name of its certificate; null when none was asked for. */
  readonly commonName: string | null;
}

export class SecureServices {
  readonly #timeline: Timeline;
  readonly #completions = new Completions();
  readonly #engine: TlsEngine;

  constructor(timeline: Timeline) {
    this.#timeline = timeline;
    const operations = new StartedOperations(timeline, (operation, result) => {
      this.#completions.complete(this.#timeline.now(), operation, result);
    });
    this.#engine = new TlsEngine({ operations, identity: () => null });
  }

  /** Like `Sockets.listen`; `accept` is called for each client whose certificate holds, and its sink's `connected` when it can be written to. */
  listen(
    sockets: Sockets,
    port: number,
    options: SecureListenerOptions,
    accept: (now: Instant, socket: TcpSocket, client: SecureClient) => TcpSink,
  ): TcpListener | null {
    const authorities = options.clientAuthorities?.map((der) => new X509Certificate(der)) ?? null;
    const context = serverContext({ ...options, asksForCertificate: authorities !== null });
    return sockets.listen(port, (_now, below) => {
      const socket: SecureSocket = new SecureSocket(
        {
          session: this.#engine.accept(context, authorities !== null),
          completions: this.#completions,
          initiates: false,
          judge: (now, handshake, decide) => {
            const client = clientOf(handshake, authorities);
            const sink = client === null ? null : accept(now, socket, client);
            decide(now, sink);
            sink?.connected(now);
          },
        },
        null,
      );
      socket.attach(below);
      return socket;
    });
  }
}

/** Null for one whose certificate nobody has signed who may. */
function clientOf(handshake: TlsHandshake, authorities: readonly X509Certificate[] | null): SecureClient | null {
  if (authorities === null) return { handshake, commonName: null };
  if (handshake.peerCertificate === null) return null;
  const certificate = new X509Certificate(handshake.peerCertificate);
  if (!authorities.some(({ publicKey }) => certificate.verify(publicKey))) return null;
  const [, commonName] = /^CN=(.*)$/m.exec(certificate.subject) ?? [];
  return { handshake, commonName: commonName ?? '' };
}

/**
 * Whether a phone that came this way may be that device. A secure profile wants TLS and a certificate with the device's name in it, `CP-7975G-SEP…` as a
 * factory writes it or the name alone as CAPF may; the non-secure one wants the plain port.
 *
 * @param commonName of the certificate; null on the plain port
 */
export function suitsProfile(
  commonName: string | null,
  { name, security }: Pick<Device, 'name' | 'security'>,
): boolean {
  if (security === 'none') return commonName === null;
  return commonName !== null && isNameOf(commonName, name);
}

/** `CP-7975G-SEP…` as a factory writes it, or the device name alone as CAPF may. */
export function isNameOf(commonName: string, deviceName: string): boolean {
  return commonName === deviceName || commonName.endsWith(`-${deviceName}`);
}
