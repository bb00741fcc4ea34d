import type { Hal } from './hal.ts';
import type { Key } from './panel.ts';
import type { PowerEvent, ResetReason } from './power.ts';
import type { CompletionResult, Operation } from './secure.ts';

/**
 * What running software offers the board. The board calls one at a time and never from within another; each runs to completion.
 * An exception that leaves one is a CPU fault: crash log, reset.
 */
export interface EntryPoints {
  /** A frame passed the receive filter. `bytes` may be longer than the frame and is the NIC's again when this returns. */
  onFrame(bytes: Uint8Array, length: number): void;
  /** The armed alarm fired; early or repeated calls are harmless. */
  onAlarm(): void;
  onLink(up: boolean): void;
  onPower(event: PowerEvent): void;
  onInput(key: Key): void;
  onCompletion(operation: Operation, result: CompletionResult): void;
  /**
   * The operator takes the phone off the network: unregister, give the lease back, tell the neighbour, then `power.off()`. The board waits for that,
   * though not for ever; software without this entry point is simply switched off.
   */
  onShutdown?(): void;
}

/** The name of a slot in the flash map. */
export type SlotName = 'A' | 'B' | 'recovery';

/** Slot as the boot services report it; the trailer's format stays theirs. */
export interface SlotReport {
  readonly slot: SlotName;
  readonly state: 'empty' | 'invalid' | 'untried' | 'trial' | 'confirmed' | 'reverted';
  /** Null unless the slot holds a well-formed image. */
  readonly load: string | null;
  readonly version: string | null;
  /** SHA-256 of the signed part, lower-case hexadecimal; null unless the slot holds an image that may run. */
  readonly digest: string | null;
  readonly running: boolean;
}

/**
 * Why the bootloader does not take an image; the sentence beside it has the particulars.
 *
 * `size`: it does not fit. `malformed`: it is no image, or only a part of one. `damaged`: its digest is another. `incompatible`: made for another model,
 * hardware revision or HAL ABI. `signature`: nobody the fuses know vouches for it. `counter`: its security counter is too low. `load`: it is another load than
 * was asked for.
 */
export type InstallRefusal = 'size' | 'malformed' | 'damaged' | 'incompatible' | 'signature' | 'counter' | 'load';

/** Writes one image into a slot, piece by piece, while the other slot runs. */
export interface Installer {
  /** Appends octets. Returns an error sentence, after which only `abort` is legal, or null. */
  write(octets: Uint8Array): string | null;
  /** Verifies what was written (signature, model, HAL ABI, security counter) and marks the slot for one trial boot. Null, or an error sentence. */
  finish(): string | null;
  /** Leaves the slot empty. */
  abort(): void;
  /** What kind of error the sentence was; null as long as there was none. */
  readonly refusal: InstallRefusal | null;
}

/** The bootloader's own functions, handed over at hand-off as UEFI does. */
export interface BootServices {
  /** The running load has registered: it stays. Raises the security counter. Harmless when already confirmed. */
  confirm(): void;
  slots(): readonly SlotReport[];
  /**
   * Opens the slot that is not running. Returns an error sentence when the image cannot fit.
   * @param size the whole image in octets; null when it is not known before the end.
   * @param load the load name that the image has to have; any unless given.
   */
  beginInstall(size: number | null, load?: string): Installer | string;
}

/** What the bootloader tells the software it starts. */
export interface BootRecord {
  readonly slot: SlotName;
  readonly load: string;
  readonly version: string;
  /** SHA-256 of the signed part, lower-case hexadecimal. */
  readonly digest: string;
  /** The boot key that verified it. */
  readonly keyId: string;
  /** What the load speaks to the call manager, as its image says; absent when it says nothing. */
  readonly protocol?: 'sccp' | 'sip';
  /** True on the one boot in which a new image has to prove itself. */
  readonly trial: boolean;
  readonly resetReason: ResetReason;
  readonly services: BootServices;
}

/** The payload: one function expression, evaluated once per image digest and called once per phone and boot. */
export type Payload = (hal: Hal, boot: BootRecord) => EntryPoints;
