import { type Instant, NEVER, SECOND } from '../../hal/timer.ts';
import { isMalformed } from '../malformed.ts';
import type { Endpoint, UdpSocket } from '../net/sockets.ts';
import { BROADCAST } from '../wire/ipv4.ts';
import * as sharing from '../wire/peer-sharing.ts';
import type { PhoneContext } from './phone-context.ts';

type Waiter = (now: Instant, peer: Endpoint | null) => void;

/** Whether the configuration wants phones to pass loads on, and the lab has that switched on. */
export function sharesFirmware({ hal, facts }: PhoneContext): boolean {
  return hal.tunables['peer.firmwareSharing'] !== 'off' && facts.configuration?.policy?.peerFirmwareSharing === true;
}

/** Asks the phones of the subnet which of them runs a load, and takes the first that says so. */
export class PeerSearch {
  readonly #phone: PhoneContext;
  #socket: UdpSocket | null = null;
  #waiter: Waiter | null = null;
  #giveUpAt: Instant = NEVER;

  constructor(phone: PhoneContext) {
    this.#phone = phone;
  }

  /** @param waiter called once, with null when no phone has answered in time. */
  ask(now: Instant, load: string, waiter: Waiter): void {
    const { stack, hal } = this.#phone;
    const { name: model } = hal.board.model;
    const question: sharing.Message = { kind: 'question', port: 0, id: hal.rng.u32(), model, load };
    this.#waiter = waiter;
    this.#giveUpAt = now + hal.tunables['peer.wait'] * SECOND;
    this.#socket = stack.udp(0, (at, payload, from) => {
      const answer = sharing.parse(payload);
      if (isMalformed(answer) || answer.kind !== 'answer' || answer.id !== question.id) return;
      if (answer.model === model && answer.load === load) this.#over(at, { address: from.address, port: answer.port });
    });
    const octets = new Uint8Array(sharing.lengthOf(question));
    sharing.emit(question, octets);
    this.#socket?.send(now, { address: BROADCAST, port: hal.tunables['peer.port'] }, octets);
  }

  cancel(): void {
    this.#socket?.close();
    this.#socket = null;
    this.#waiter = null;
    this.#giveUpAt = NEVER;
  }

  dispatch(now: Instant): void {
    if (now >= this.#giveUpAt) this.#over(now, null);
  }

  pollAt(): Instant {
    return this.#giveUpAt;
  }

  #over(now: Instant, peer: Endpoint | null): void {
    const waiter = this.#waiter;
    this.cancel();
    waiter?.(now, peer);
  }
}
