import type { Ipv4 } from '../../hal/nic.ts';
import { type Instant, NEVER, SECOND } from '../../hal/timer.ts';
import { FLASH_MAP } from '../../storage/flash-map.ts';
import { parseFrom } from '../../storage/image-format.ts';
import { isMalformed as isMalformedImage } from '../../storage/malformed-image.ts';
import { isMalformed } from '../malformed.ts';
import type { Endpoint, TcpListener, TcpSink, TcpSocket, UdpSocket } from '../net/sockets.ts';
import { HttpRequest, httpAnswerHead } from '../protocols/http-request.ts';
import { ipv4Text } from '../wire/address.ts';
import * as sharing from '../wire/peer-sharing.ts';
import type { PhoneContext } from './phone-context.ts';

/** Read from the flash at once, and gone when TCP has taken it. */
const PIECE = 4_096;

interface OwnImage {
  readonly load: string;
  /** Octets from the beginning of its slot. */
  readonly offset: number;
  readonly length: number;
}

/**
 * Gives the image that runs to other phones, out of the flash: one at a time, others are told to go elsewhere. It is made when a phone has registered, so that nobody
 * gets an image from here that has not proved itself. Who gets it verifies it as any other.
 */
export class PeerServer {
  readonly #phone: PhoneContext;
  readonly #image: OwnImage;
  readonly #socket: UdpSocket | null;
  readonly #listener: TcpListener | null;
  #transfer: Transfer | null = null;

  private constructor(phone: PhoneContext, image: OwnImage) {
    const { stack, hal } = phone;
    this.#phone = phone;
    this.#image = image;
    const port = hal.tunables['peer.port'];
    this.#socket = stack.udp(port, (now, payload, from) => this.#asked(now, payload, from));
    this.#listener = stack.listen(port, (now, socket) => this.#accept(now, socket));
  }

  /** Null where there is nothing to give: recovery runs. */
  static open(phone: PhoneContext): PeerServer | null {
    const image = ownImage(phone);
    return image === null ? null : new PeerServer(phone, image);
  }

  close(now: Instant): void {
    this.#socket?.close();
    this.#listener?.close(now);
    this.#transfer?.abort(now);
  }

  dispatch(now: Instant): void {
    const transfer = this.#transfer;
    if (transfer !== null && now >= transfer.giveUpAt) transfer.abort(now);
  }

  pollAt(): Instant {
    return this.#transfer?.giveUpAt ?? NEVER;
  }

  #asked(now: Instant, payload: Uint8Array, from: Endpoint): void {
    const { board, tunables } = this.#phone.hal;
    const question = sharing.parse(payload);
    if (isMalformed(question) || question.kind !== 'question' || this.#transfer !== null) return;
    if (question.model !== board.model.name || question.load !== this.#image.load) return;
    const octets = new Uint8Array(payload.length);
    sharing.emit({ ...question, kind: 'answer', port: tunables['peer.port'] }, octets);
    this.#socket!.send(now, from, octets);
  }

  #accept(now: Instant, socket: TcpSocket): TcpSink {
    if (this.#transfer !== null) {
      socket.write(now, httpAnswerHead(503, 0));
      socket.close(now);
      return TURNED_AWAY;
    }
    const transfer = new Transfer(this.#phone, now, socket, this.#image, () => {
      if (this.#transfer === transfer) this.#transfer = null;
    });
    this.#transfer = transfer;
    return transfer;
  }
}

function ownImage({ hal, boot }: PhoneContext): OwnImage | null {
  if (boot.slot === 'recovery') return null;
  const { offset, size } = FLASH_MAP[boot.slot];
  const image = parseFrom({ size, read: (at, length) => hal.flash.read(offset + at, length) });
  return isMalformedImage(image) ? null : { load: image.load, offset, length: image.length };
}

/** Has been told to go elsewhere, whatever it asks. */
const TURNED_AWAY: TcpSink = Object.freeze({
  connected: () => {},
  data: () => {},
  ended: () => {},
  writable: () => {},
  gone: () => {},
});

/** One connection: a request, and the image in answer to it. */
class Transfer implements TcpSink {
  readonly #phone: PhoneContext;
  readonly #socket: TcpSocket;
  readonly #image: OwnImage;
  readonly #over: () => void;
  readonly #peer: Ipv4;
  readonly #request = new HttpRequest();
  /** Octets of the image that TCP has taken; null until they were asked for. */
  #sent: number | null = null;
  giveUpAt: Instant;

  constructor(phone: PhoneContext, now: Instant, socket: TcpSocket, image: OwnImage, over: () => void) {
    this.#phone = phone;
    this.#socket = socket;
    this.#image = image;
    this.#over = over;
    this.#peer = socket.remote.address;
    this.giveUpAt = now + this.#patience();
  }

  abort(now: Instant): void {
    this.giveUpAt = NEVER;
    this.#socket.abort(now);
    this.#over();
  }

  connected(): void {}

  data(now: Instant, octets: Uint8Array): void {
    if (this.#sent !== null) return;
    const request = this.#request.feed(octets);
    if (request === 'more') return;
    const image = this.#image;
    if (request === 'malformed') this.#refuse(now, 400);
    else if (request.target !== `/${image.load}.img`) this.#refuse(now, 404);
    else {
      this.#sent = 0;
      this.#phone.hal.trace.debug(`gives ${image.load} to ${ipv4Text(this.#peer)}`);
      this.#socket.write(now, httpAnswerHead(200, image.length));
      this.writable(now);
    }
  }

  ended(now: Instant): void {
    this.#socket.close(now);
  }

  writable(now: Instant): void {
    const image = this.#image;
    if (this.#sent === null || this.#sent === image.length) return;
    this.giveUpAt = now + this.#patience();
    while (this.#sent < image.length) {
      const length = Math.min(PIECE, image.length - this.#sent);
      const taken = this.#socket.write(now, this.#phone.hal.flash.read(image.offset + this.#sent, length));
      this.#sent += taken;
      if (taken < length) return;
    }
    this.#socket.close(now);
  }

  gone(): void {
    this.giveUpAt = NEVER;
    this.#over();
  }

  #refuse(now: Instant, status: 400 | 404): void {
    this.#socket.write(now, httpAnswerHead(status, 0));
    this.#socket.close(now);
  }

  #patience(): number {
    return this.#phone.hal.tunables['http.idleTimeout'] * SECOND;
  }
}
