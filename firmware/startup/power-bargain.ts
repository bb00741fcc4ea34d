import type { PhoneContext, PowerAgreement } from './phone-context.ts';

type Via = PowerAgreement['via'];

/**
 * What the supply allows and what the phone takes. The switch locks to the first protocol whose power TLV it hears (8800 guide), and so does the
 * phone: what the other one says afterwards is not looked at until the link has been down.
 */
export class PowerBargain {
  readonly #phone: PhoneContext;
  #via: Via = 'none';

  constructor(phone: PhoneContext) {
    this.#phone = phone;
  }

  /** The link is down. */
  forget(): void {
    this.#via = 'none';
    this.#phone.facts.power = null;
  }

  /** @param draw the largest level asked for that is allowed; null when the switch does not speak of our request, or refuses all of it. */
  byCdp(available: number, draw: number | null, refused: boolean): void {
    if (draw === null && !refused) return;
    if (!this.#lock('cdp')) return;
    if (draw === null) this.#agree('cdp', available, this.#least(), 'low');
    else this.#agree('cdp', available, draw, draw < this.#most() ? 'lowered' : 'full');
  }

  /** A powered device takes what it asked for, or what it was allocated if that is less (802.3at 33.7). */
  byLldp(via: 'lldp-med' | '802.3', available: number): void {
    if (!this.#lock(via)) return;
    const wanted = this.#phone.hal.board.model.power.lldpTenthsOfWatt * 100;
    const low = available < this.#least();
    this.#agree(via, available, low ? this.#least() : Math.min(wanted, available), mode(low, available < wanted));
  }

  /** The switch announces itself and says nothing about power. */
  unspoken(): void {
    if (this.#via !== 'none' || this.#phone.hal.power.source === 'external') return;
    this.#phone.hal.console.write("CDP: power TLV's not detected - assume low power mode - pwr src = 1");
    this.#agree('none', null, this.#least(), 'low');
  }

  /** 802.3 carries the allocation itself and so takes the place of the extended TLV of the same protocol. */
  #lock(via: Via): boolean {
    if (this.#phone.hal.power.source === 'external') return false;
    if (this.#via === 'none' || (this.#via === 'lldp-med' && via === '802.3')) this.#via = via;
    return this.#via === via;
  }

  #most(): number {
    const { power } = this.#phone.hal.board.model;
    return Math.max(power.consumptionMilliwatts, ...power.requestedMilliwatts);
  }

  #least(): number {
    const { power } = this.#phone.hal.board.model;
    return Math.min(power.consumptionMilliwatts, ...power.requestedMilliwatts.filter((level) => level > 0));
  }

  #agree(via: Via, availableMilliwatts: number | null, drawnMilliwatts: number, agreed: PowerAgreement['mode']): void {
    const { hal, facts } = this.#phone;
    const before = facts.power;
    const agreement: PowerAgreement = { via, availableMilliwatts, drawnMilliwatts, mode: agreed };
    if (before !== null && JSON.stringify(before) === JSON.stringify(agreement)) return;
    facts.power = agreement;
    hal.power.draw(drawnMilliwatts);
    hal.trace.event('power.negotiated', agreement);
  }
}

function mode(low: boolean, lowered: boolean): PowerAgreement['mode'] {
  if (low) return 'low';
  return lowered ? 'lowered' : 'full';
}
