import type { BootRecord } from '../../hal/entry-points.ts';
import { octetsOf, textOf } from '../../storage/ascii.ts';
import type { RecordStore } from '../../storage/record-store.ts';
import { STATE } from '../../storage/settings.ts';

/** A file of a vendor's load: that it was fetched, whole, and what was in it. The octets themselves are not kept. */
export interface StoredComponent {
  readonly name: string;
  readonly size: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

/**
 * A vendor's load that the phone has fetched and shows as its own: the code in it cannot run here, so the same image goes on running under the other
 * name.
 */
export interface StoredLoad {
  readonly load: string;
  /** Digest of the image that it was fetched by; under any other image the record means nothing. */
  readonly image: string;
  readonly components: readonly StoredComponent[];
}

const KEY = `${STATE}load`;

/** Null when there is none for this image. */
export function storedLoad(store: RecordStore, image: string): StoredLoad | null {
  const octets = store.get(KEY);
  if (octets === null) return null;
  try {
    const stored = JSON.parse(textOf(octets)) as StoredLoad;
    return stored.image === image ? stored : null;
  } catch {
    return null;
  }
}

/** Null, or why it could not be written. */
export function storeLoad(store: RecordStore, load: StoredLoad): string | null {
  return store.set(KEY, octetsOf(JSON.stringify(load)));
}

export function dropStoredLoad(store: RecordStore): void {
  store.delete(KEY);
}

/** The boot record with the load name that the phone shows. */
export function withShownLoad(boot: BootRecord, store: RecordStore): BootRecord {
  const stored = storedLoad(store, boot.digest);
  return stored === null ? boot : { ...boot, load: stored.load };
}
