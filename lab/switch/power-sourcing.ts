/**
 * Power sourcing equipment: one budget for all ports; the class reserve at detection (IEEE 802.3-2018 table 33-3), then what the device asks for
 * by CDP or LLDP. The rules for the identifiers of the CDP power TLVs are those of Cisco's SG300 and SG350 guides: Request-ID is echoed, Management-ID
 * rises (skipping 0) when the available power or the management level changes, when a new Request-ID comes and when the link goes down.
 */

/** What a port feeds. The board of a phone stands behind it. */
export interface PoweredDevice {
  /** 802.3af/at class; null for Cisco pre-standard inline power. */
  readonly class: number | null;
  /** Milliwatts that the port gives from now on; 0 is none. */
  supply(milliwatts: number): void;
}

const CLASS_RESERVE: readonly number[] = [15_400, 4_000, 7_000, 15_400, 30_000];

/** Allocated to a pre-standard phone before it said more. A Catalyst shows 6.3 W for a 7960. */
const PRE_STANDARD_RESERVE = 6_300;

/** 802.3at type 2. */
const PORT_MAXIMUM = 30_000;

/** Management power level of CDP's Power Available TLV when the switch has no preference. */
const NO_PREFERENCE = 0xffff_ffff;

export type PowerState = 'off' | 'on' | 'denied' | 'cut';

/** Power of one port. */
export interface PortPower {
  device: PoweredDevice | null;
  state: PowerState;
  /** Milliwatts taken from the budget. */
  allocated: number;
  /** `power inline … max`, or lowered at run time. */
  limit: number;
  /** Levels that the device asked for last, highest first. */
  requested: readonly number[];
  requestId: number;
  managementId: number;
  /** The protocol whose power TLV came first since the link is up: the other one is ignored from then on. */
  protocol: 'cdp' | 'lldp' | null;
}

export function createPortPower(): PortPower {
  return {
    device: null,
    state: 'off',
    allocated: 0,
    limit: PORT_MAXIMUM,
    requested: [],
    requestId: 0,
    managementId: 1,
    protocol: null,
  };
}

/** Management level for the Power Available TLV. */
export function managementLevel(power: PortPower): number {
  return power.limit < PORT_MAXIMUM ? power.limit : NO_PREFERENCE;
}

export class PowerSourcing {
  /** Milliwatts for all ports together. */
  readonly budget: number;
  #allocated = 0;

  constructor(budget: number) {
    this.budget = budget;
  }

  get allocated(): number {
    return this.#allocated;
  }

  /** A device was plugged in: reserves for its class and switches on, or refuses. */
  connect(power: PortPower, device: PoweredDevice): PowerState {
    this.release(power);
    power.device = device;
    if (power.state === 'cut') return 'cut';
    return this.#switchOn(power, device);
  }

  /** The device is gone; its share goes back to the budget. */
  release(power: PortPower): void {
    this.#take(power, 0);
    power.device = null;
    if (power.state !== 'cut') power.state = 'off';
  }

  /** `power inline never`: off until `restore`. */
  cut(power: PortPower): void {
    power.state = 'cut';
    this.#take(power, 0);
    power.device?.supply(0);
  }

  restore(power: PortPower): PowerState {
    if (power.state !== 'cut') return power.state;
    power.state = 'off';
    return power.device === null ? 'off' : this.#switchOn(power, power.device);
  }

  /** The link went down: what was negotiated is void, the class reserve of a fed device stays. */
  forget(power: PortPower): void {
    power.protocol = null;
    power.requested = [];
    power.requestId = 0;
    this.#nextManagementId(power);
    if (power.device === null) this.#take(power, 0);
    else if (power.state === 'on') this.#take(power, Math.min(reserveOf(power.device), power.limit));
  }

  /**
   * The device asks, by CDP 0x19 or by LLDP, for one of `levels` (milliwatts, highest first): it gets the largest that fits into limit and
   * budget. `requestId` is 0 where the protocol has none. Returns true when what is available changed or has to be said again.
   */
  negotiate(power: PortPower, protocol: 'cdp' | 'lldp', levels: readonly number[], requestId: number): boolean {
    power.protocol ??= protocol;
    if (power.protocol !== protocol || power.state === 'cut' || power.state === 'denied') return false;
    power.requested = levels.slice(); // Kept, without the room that a list which grew has behind it.
    const isNew = requestId !== power.requestId;
    power.requestId = requestId;
    const changed = this.#allocate(power);
    if (isNew || changed) this.#nextManagementId(power);
    return isNew || changed;
  }

  /** Lowers or raises what the port may give. True when something changed for the device. */
  setLimit(power: PortPower, milliwatts: number): boolean {
    const limit = Math.min(milliwatts, PORT_MAXIMUM);
    if (limit === power.limit) return false;
    power.limit = limit;
    this.#allocate(power);
    this.#nextManagementId(power);
    return true;
  }

  #switchOn(power: PortPower, device: PoweredDevice): PowerState {
    const reserve = Math.min(reserveOf(device), power.limit);
    if (this.#allocated + reserve > this.budget) {
      power.state = 'denied';
      device.supply(0);
      return 'denied';
    }
    power.state = 'on';
    this.#take(power, reserve);
    device.supply(reserve);
    return 'on';
  }

  #allocate(power: PortPower): boolean {
    const most = Math.min(power.limit, power.allocated + this.budget - this.#allocated);
    const level = power.requested.find((wanted) => wanted > 0 && wanted <= most) ?? Math.min(power.allocated, most);
    if (level === power.allocated) return false;
    this.#take(power, level);
    power.device?.supply(level);
    return true;
  }

  #take(power: PortPower, milliwatts: number): void {
    this.#allocated += milliwatts - power.allocated;
    power.allocated = milliwatts;
  }

  #nextManagementId(power: PortPower): void {
    power.managementId = power.managementId === 0xffff ? 1 : power.managementId + 1;
  }
}

function reserveOf(device: PoweredDevice): number {
  return device.class === null ? PRE_STANDARD_RESERVE : (CLASS_RESERVE[device.class] ?? CLASS_RESERVE[0]!);
}
