/**
 * The lab's database of telephones: what the call managers know about each, and what its configuration file is generated from.
 *
 * Devices are stored by range where they are alike, so that 40,000 of them cost one row; a row of its own exists only for a device
 * that was added singly, registered itself, or was changed.
 */
import type { Mac } from '../hal/nic.ts';
import { AutoRegistration } from './auto-registration.ts';
import type { LabSecurity } from './secure-cluster.ts';

export interface DeviceLine {
  /** The directory number, as dialled: `2001`. */
  readonly directoryNumber: string;
  /** Text beside the line button. */
  readonly label: string;
  /** Caller's name shown to others. */
  readonly displayName: string;
  /** Digest credentials of a SIP phone. */
  readonly authName?: string;
  readonly authPassword?: string;
}

export interface SpeedDial {
  readonly number: string;
  readonly label: string;
}

export interface Device {
  /** `SEP` and twelve upper-case hexadecimal digits; `BAT` and twelve for a device that waits for its telephone (TAPS). */
  readonly name: string;
  /** As users write it: `7975`. */
  readonly model: string;
  /** CUCM device type enumeration: 437 for a 7975. */
  readonly deviceType: number;
  readonly protocol: 'sccp' | 'sip';
  readonly description: string;
  readonly lines: readonly DeviceLine[];
  readonly speedDials: readonly SpeedDial[];
  /** Load name without `.loads`; empty keeps the one the phone runs. */
  readonly load: string;
  /** Indexes into the lab's list of call managers, by priority; empty means all of them in order. */
  readonly callManagers: readonly number[];
  /** Device security mode of its profile. */
  readonly security: LabSecurity;
  /** Rises with each change; part of the configuration file's version stamp. */
  readonly revision: number;
}

/** What an administrator writes; the rest of a `Device` has defaults. */
export interface NewDevice {
  readonly name: string;
  readonly model: string;
  readonly deviceType: number;
  readonly protocol?: 'sccp' | 'sip';
  readonly description?: string;
  readonly lines?: readonly DeviceLine[];
  readonly speedDials?: readonly SpeedDial[];
  readonly load?: string;
  readonly callManagers?: readonly number[];
  /** What the cluster's devices have unless given. */
  readonly security?: LabSecurity;
}

/** `count` devices that differ in MAC address and directory number only. */
export interface DeviceRange extends Omit<NewDevice, 'name' | 'description' | 'lines'> {
  readonly firstMac: Mac;
  readonly count: number;
  /** Directory number of the first line of the first device; the next device has the next `lineCount` numbers. */
  readonly firstNumber: number;
  readonly lineCount: number;
}

const DEVICE_NAME = /^(SEP|SIP|BAT)[0-9A-F]{12}$/;

const PHONE_NAME = /^(SEP|SIP)[0-9A-F]{12}$/;

export function deviceName(mac: Mac): string {
  return `SEP${mac.toString(16).toUpperCase().padStart(12, '0')}`;
}

/** The MAC address in a device name, null where the name has none. */
function macOfDevice(name: string): Mac | null {
  return PHONE_NAME.test(name) ? Number.parseInt(name.slice(3), 16) : null;
}

export class DeviceTable implements Iterable<Device> {
  readonly #rows = new Map<string, Device>();
  readonly #ranges: DeviceRange[] = [];
  readonly #deleted = new Set<string>();
  readonly autoRegistration = new AutoRegistration();
  readonly #profile: LabSecurity;

  /** @param profile of devices that name none */
  constructor(profile: LabSecurity = 'none') {
    this.#profile = profile;
  }

  /** Devices in the table. */
  get size(): number {
    let count = this.#rows.size;
    for (const range of this.#ranges) count += range.count;
    for (const name of this.#deleted) if (this.#fromRange(name) !== null) count -= 1;
    for (const name of this.#rows.keys()) {
      if (!this.#deleted.has(name) && this.#fromRange(name) !== null) count -= 1;
    }
    return count;
  }

  /** Adds or replaces one device. Throws when the name is not a device name. */
  add(device: NewDevice): Device {
    if (!DEVICE_NAME.test(device.name)) throw new Error(`not a device name: ${device.name}`);
    const row: Device = {
      name: device.name,
      model: device.model,
      deviceType: device.deviceType,
      protocol: device.protocol ?? 'sccp',
      description: device.description ?? device.name,
      lines: device.lines ?? [],
      speedDials: device.speedDials ?? [],
      load: device.load ?? '',
      callManagers: device.callManagers ?? [],
      security: device.security ?? this.#profile,
      revision: (this.find(device.name)?.revision ?? 0) + 1,
    };
    this.#deleted.delete(row.name);
    this.#rows.set(row.name, row);
    return row;
  }

  addRange(range: DeviceRange): void {
    if (range.count < 1) throw new Error('a device range has at least one device');
    this.#ranges.push(range);
  }

  /** Changes fields of a device; null when it is not in the table. */
  change(name: string, fields: Partial<Omit<Device, 'name' | 'revision'>>): Device | null {
    const present = this.find(name);
    if (present === null) return null;
    const row: Device = { ...present, ...fields, name, revision: present.revision + 1 };
    this.#rows.set(name, row);
    return row;
  }

  delete(name: string): boolean {
    const present = this.find(name);
    if (present === null) return false;
    for (const { directoryNumber } of present.lines) this.autoRegistration.giveBack(directoryNumber);
    this.#rows.delete(name);
    this.#deleted.add(name);
    return true;
  }

  find(name: string): Device | null {
    const row = this.#rows.get(name);
    if (row !== undefined) return row;
    return this.#deleted.has(name) ? null : this.#fromRange(name);
  }

  *[Symbol.iterator](): Iterator<Device> {
    yield* this.#rows.values();
    for (const range of this.#ranges) {
      for (let index = 0; index < range.count; index += 1) {
        const name = deviceName(range.firstMac + index);
        if (!this.#rows.has(name) && !this.#deleted.has(name)) yield rangeDevice(range, name, index, this.#profile);
      }
    }
  }

  /** Makes a row for a phone that nobody wrote down, with the non-secure profile. Null when it is not taken, or no number is left. */
  autoRegister(name: string, { model, deviceType, protocol }: Stranger): Device | null {
    if (!PHONE_NAME.test(name)) return null;
    const directoryNumber = this.autoRegistration.allot(deviceType, (number) => this.owner(number) !== null);
    if (directoryNumber === null) return null;
    return this.add({
      name,
      model,
      deviceType,
      protocol,
      security: 'none',
      description: `Auto ${directoryNumber}`,
      lines: [{ directoryNumber, label: directoryNumber, displayName: '' }],
    });
  }

  /** The device that has a line with this number. */
  owner(directoryNumber: string): Device | null {
    for (const row of this.#rows.values()) {
      if (row.lines.some((line) => line.directoryNumber === directoryNumber)) return row;
    }
    for (const range of this.#ranges) {
      const line = Number(directoryNumber) - range.firstNumber;
      if (!(line >= 0 && line < range.count * range.lineCount)) continue;
      const device = this.find(deviceName(range.firstMac + Math.floor(line / range.lineCount)));
      if (device?.lines.some((one) => one.directoryNumber === directoryNumber)) return device;
    }
    return null;
  }

  /**
   * TAPS, "Tool for Auto-Registered Phones Support": the phone becomes the device that has that number and waits for a telephone. Returns its new row, or
   * a sentence that says why not.
   */
  adopt(name: string, directoryNumber: string): Device | string {
    const waiting = this.owner(directoryNumber);
    if (waiting === null || !waiting.name.startsWith('BAT'))
      return `no device waits for its telephone with ${directoryNumber}`;
    const present = this.find(name);
    if (present === null) return `${name} is not in the database`;
    if (present.deviceType !== waiting.deviceType) return `${name} is a ${present.model}, not a ${waiting.model}`;
    this.delete(waiting.name);
    for (const line of present.lines) this.autoRegistration.giveBack(line.directoryNumber);
    return this.add({ ...waiting, name });
  }

  #fromRange(name: string): Device | null {
    const mac = macOfDevice(name);
    if (mac === null || !name.startsWith('SEP')) return null;
    for (const range of this.#ranges) {
      const index = mac - range.firstMac;
      if (index >= 0 && index < range.count) return rangeDevice(range, name, index, this.#profile);
    }
    return null;
  }
}

/** What a phone that registers itself says of itself. */
export interface Stranger {
  readonly model: string;
  readonly deviceType: number;
  readonly protocol: 'sccp' | 'sip';
}

function rangeDevice(range: DeviceRange, name: string, index: number, profile: LabSecurity): Device {
  const lines: DeviceLine[] = [];
  for (let line = 0; line < range.lineCount; line += 1) {
    const directoryNumber = String(range.firstNumber + index * range.lineCount + line);
    lines.push({ directoryNumber, label: directoryNumber, displayName: `Phone ${directoryNumber}` });
  }
  return {
    name,
    model: range.model,
    deviceType: range.deviceType,
    protocol: range.protocol ?? 'sccp',
    description: name,
    lines,
    speedDials: range.speedDials ?? [],
    load: range.load ?? '',
    callManagers: range.callManagers ?? [],
    security: range.security ?? profile,
    revision: 1,
  };
}
