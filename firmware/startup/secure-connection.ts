import type { CertificateFields, KeySlot } from '../../hal/secure.ts';
import type { Instant } from '../../hal/timer.ts';
import type { TlsHandshake } from '../../hal/tls.ts';
import { SecureSocket } from '../net/secure-socket.ts';
import type { ConnectOptions, Endpoint, TcpSink, TcpSocket } from '../net/sockets.ts';
import { codesFor } from '../phone/trust/installed-lists.ts';
import { judgePeer } from '../phone/trust/judge-peer.ts';
import type { RoleName } from '../phone/trust/trust-list.ts';
import type { TrustStore } from '../phone/trust/trust-store.ts';
import { ipv4Text } from '../wire/address.ts';
import type { PhoneContext } from './phone-context.ts';

/** A server that has to be what a trust list says it is. */
export interface SecureServer {
  readonly remote: Endpoint;
  /** As the configuration names it, for events. */
  readonly host: string;
  readonly role: RoleName;
  /** Without encryption octets are only authenticated. */
  readonly encrypted: boolean;
  /** Its key is an elliptic curve's. */
  readonly elliptic?: true;
  /** Asks about a certificate that no list has, and answers with the roles it may be used in; absent where nobody is to be asked. */
  readonly verify?: (
    now: Instant,
    certificate: Uint8Array,
    answer: (now: Instant, roles: readonly number[]) => void,
  ) => void;
  /** Why it came to nothing, as a stable slug. */
  readonly failed?: (reason: string) => void;
}

/** The only suite that authenticates and does not encrypt which a call manager has. */
const AUTHENTICATED_CIPHERS: readonly string[] = Object.freeze(['NULL-SHA']);

/** For servers with an elliptic curve's key: with TLS 1.2, and the last two with what is older. That phones offer these to such servers is inferred. */
const ELLIPTIC_CIPHERS: readonly string[] = Object.freeze([
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-SHA',
  'ECDHE-ECDSA-AES128-SHA',
]);

/** What OpenSSL says when both sides have no version in common: an alert came, or the server chose one that the phone has not. */
const VERSION_REASONS: readonly string[] = Object.freeze([
  'tlsv1 alert protocol version',
  'unsupported protocol',
  'wrong ssl version',
]);

const FIPS_RSA_BITS = 2048;

/** @param now milliseconds of the wall clock */
function isOutOfDate(fields: CertificateFields | null, now: number): boolean {
  return fields !== null && (now < fields.notBefore * 1_000 || now > fields.notAfter * 1_000);
}

function isShort(fields: CertificateFields | null): boolean {
  const bits = /^RSA-(\d+)$/.exec(fields?.key ?? '')?.[1];
  return bits !== undefined && Number(bits) < FIPS_RSA_BITS;
}

/** Opens TLS to exactly the servers that the trust lists name. */
export class SecureConnections {
  readonly #phone: PhoneContext;
  readonly #store: TrustStore;

  constructor(phone: PhoneContext, store: TrustStore) {
    this.#phone = phone;
    this.#store = store;
  }

  /** Like `Sockets.connect`; `connected` comes when the server has been recognized, and until then nothing is said to it. */
  connect(now: Instant, server: SecureServer, sink: TcpSink, options?: ConnectOptions): TcpSocket {
    const { hal, stack, completions } = this.#phone;
    const { versions, ciphers } = hal.board.model.tls;
    const { remote } = server;
    const own = this.#ownKey();
    const encrypting = server.elliptic ? [...ELLIPTIC_CIPHERS, ...ciphers] : ciphers;
    const session = hal.tls.open({
      versions,
      ciphers: server.encrypted ? encrypting : AUTHENTICATED_CIPHERS,
      legacy: versions[0] < '1.2' || !server.encrypted,
      certificate: own,
      resume: `${ipv4Text(remote.address)}:${remote.port} ${server.encrypted ? 'encrypted' : 'authenticated'}`,
    });
    let isJudged = false;
    const socket = new SecureSocket(
      {
        session,
        completions,
        initiates: true,
        judge: (at, handshake, decide) => {
          isJudged = true;
          this.#shaken(server, own, handshake);
          this.#judge(at, server, handshake.peerCertificate, (later, accepted) =>
            decide(later, accepted ? sink : null),
          );
        },
        failed: (_at, why) => {
          if (!isJudged) this.#failed(server, own, why);
        },
      },
      sink,
    );
    socket.attach(stack.connect(now, remote, socket, options));
    return socket;
  }

  #judge(
    now: Instant,
    server: SecureServer,
    certificate: Uint8Array | null,
    answer: (now: Instant, accepted: boolean) => void,
  ): void {
    const { secure, tunables, wallClock } = this.#phone.hal;
    const fields = certificate === null ? null : secure.certificate(certificate);
    if (tunables['tls.outOfDatePeer'] === 'refused' && isOutOfDate(fields, wallClock.now())) {
      this.#decide(server, null, 'peer-out-of-date');
      answer(now, false);
      return;
    }
    const verdict = judgePeer(certificate, server.role, this.#store.installed(), secure);
    if (verdict.outcome === 'listed') {
      this.#decide(server, 'list', null);
      answer(now, true);
    } else if (verdict.outcome === 'ask-tvs' && server.verify !== undefined) {
      server.verify(now, certificate!, (later, roles) => {
        const isVouchedFor = codesFor(server.role).some((code) => roles.includes(code));
        this.#decide(server, 'tvs', isVouchedFor ? null : 'peer-unknown');
        answer(later, isVouchedFor);
      });
    } else {
      this.#decide(server, null, verdict.outcome === 'refused' ? verdict.reason : 'peer-unknown');
      answer(now, false);
    }
  }

  #shaken({ host, remote, role }: SecureServer, own: KeySlot | null, handshake: TlsHandshake): void {
    const { trace, secure } = this.#phone.hal;
    const { version, cipher, peerCertificate, resumed } = handshake;
    const fields = peerCertificate === null ? null : secure.certificate(peerCertificate);
    const peer = fields?.subject ?? null;
    const { port } = remote;
    trace.event('tls.handshake', { host, port, role, outcome: 'complete', version, cipher, peer, own, resumed });
    if (this.#phone.hal.tunables['tls.fips'] === 'on' && isShort(fields)) {
      this.#phone.status.report('Cert key size is not FIPS compliant');
    }
  }

  #failed(server: SecureServer, own: KeySlot | null, reason: string): void {
    const { hal, status } = this.#phone;
    const { host, remote, role } = server;
    hal.trace.event('tls.handshake', { host, port: remote.port, role, outcome: 'failed', own, reason });
    const isVersion = VERSION_REASONS.includes(reason);
    server.failed?.(isVersion ? 'tls.version' : 'tls.handshake');
    status.report(
      isVersion ? "This model cannot speak the server's minimum TLS version" : `TLS Error: ${host}: ${reason}`,
    );
  }

  #decide(server: SecureServer, by: 'list' | 'tvs' | null, reason: string | null): void {
    const { hal, status } = this.#phone;
    const { host, remote, role } = server;
    const outcome = reason === null ? 'accepted' : 'refused';
    const why = reason === null ? {} : { reason };
    hal.trace.event('tls.peer', { host, port: remote.port, role, outcome, by, ...why });
    if (reason === null) return;
    server.failed?.(`tls.${reason}`);
    status.report(`TLS Error: ${host} is not a trusted ${role} server`);
  }

  /** "LSC, else MIC". */
  #ownKey(): KeySlot | null {
    const { secure } = this.#phone.hal;
    if (secure.ownCertificate('lsc') !== null) return 'lsc';
    return secure.ownCertificate('mic') === null ? null : 'mic';
  }
}
