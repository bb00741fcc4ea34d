/** Frames on their way out of a packet socket, sent by `sendmmsg(2)` so many at once. */
import { ERRNO, libc } from './libc.ts';

/** Measured: the gain is over at a few dozen. */
const BATCH = 64;
/** A full frame with a tag; room to a round number. */
const FRAME_OCTETS = 1_536;

/** `struct mmsghdr` and `struct iovec` on 64-bit Linux. */
const MMSGHDR_OCTETS = 64;
const MMSGHDR_IOV = 16;
const MMSGHDR_IOVLEN = 24;
const IOVEC_OCTETS = 16;
const IOVEC_LEN = 8;

const MSG_DONTWAIT = 0x40;
const POLLOUT = 4;
/** The card's queue is full: it empties at line rate, so this is hundreds of frames. A link that is stuck costs no more than this a batch. */
const FULL_QUEUE_MILLISECONDS = 10;

export class SendBatch {
  readonly #fd: number;
  /** The kernel is given addresses within these, so they are held for as long as this lives. */
  readonly #frames = new Uint8Array(BATCH * FRAME_OCTETS);
  readonly #vectors = new Uint8Array(BATCH * IOVEC_OCTETS);
  readonly #messages = new Uint8Array(BATCH * MMSGHDR_OCTETS);
  readonly #lengths = new DataView(this.#vectors.buffer);
  #count = 0;
  sent = 0;
  /** Not taken by the kernel: no link, a full queue, longer than the interface allows. */
  refused = 0;

  constructor(fd: number) {
    this.#fd = fd;
    const frames = libc().addressOf(this.#frames);
    const vectors = libc().addressOf(this.#vectors);
    const messages = new DataView(this.#messages.buffer);
    for (let index = 0; index < BATCH; index++) {
      this.#lengths.setBigUint64(index * IOVEC_OCTETS, frames + BigInt(index * FRAME_OCTETS), true);
      messages.setBigUint64(index * MMSGHDR_OCTETS + MMSGHDR_IOV, vectors + BigInt(index * IOVEC_OCTETS), true);
      messages.setBigUint64(index * MMSGHDR_OCTETS + MMSGHDR_IOVLEN, 1n, true);
    }
  }

  get count(): number {
    return this.#count;
  }

  /** Copies a frame into the batch, and sends the batch when it is full. */
  add(bytes: Uint8Array, length: number): void {
    if (length > FRAME_OCTETS) {
      this.refused++;
      return;
    }
    const index = this.#count++;
    this.#frames.set(bytes.length === length ? bytes : bytes.subarray(0, length), index * FRAME_OCTETS);
    this.#lengths.setUint32(index * IOVEC_OCTETS + IOVEC_LEN, length, true);
    if (this.#count === BATCH) this.flush();
  }

  flush(): void {
    const count = this.#count;
    this.#count = 0;
    let done = 0;
    let waited = false;
    while (done < count) {
      const messages = done === 0 ? this.#messages : this.#messages.subarray(done * MMSGHDR_OCTETS);
      const accepted = libc().sendmmsg(this.#fd, messages, count - done, MSG_DONTWAIT);
      if (accepted > 0) {
        done += accepted;
        this.sent += accepted;
        continue;
      }
      const errno = libc().errno();
      if (errno === ERRNO.EINTR) continue;
      if (errno === ERRNO.EAGAIN && !waited) {
        waited = true;
        libc().poll(Int32Array.of(this.#fd, POLLOUT), 1, FULL_QUEUE_MILLISECONDS);
        continue;
      }
      // This one frame is lost, as on copper; the others may pass.
      this.refused++;
      done++;
    }
  }
}
