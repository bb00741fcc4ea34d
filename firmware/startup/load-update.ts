import type { InstallRefusal } from '../../hal/entry-points.ts';
import type { Ipv4 } from '../../hal/nic.ts';
import { type Instant, NEVER } from '../../hal/timer.ts';
import { hasHeader, isImage, judgeLoadFile, type LoadComponent, type LoadFile } from '../phone/load-file.ts';
import type { Rejected } from '../phone/trust/verdict.ts';
import type { FileSink } from '../protocols/file-outcome.ts';
import type { FetchResult } from './file-fetcher.ts';
import { DigestSink, ImageSink } from './load-sinks.ts';
import type { NameAnswer } from './name-resolver.ts';
import { PeerSearch, sharesFirmware } from './peer-search.ts';
import type { PhoneContext } from './phone-context.ts';
import { dropStoredLoad, type StoredComponent, storedLoad, storeLoad } from './stored-load.ts';

/** A real one has a few hundred octets. */
const MAX_LOAD_FILE = 65_536;

/** Larger than any file of a load that was ever published for these telephones. */
const MAX_COMPONENT = 256 * 1024 * 1024;

/** Progress is told each time this much more has come of a file whose size nobody said. */
const PROGRESS_STEP = 256 * 1024;

/** Why a load is not taken: a stable slug behind `load.`, what the status menu says, and a sentence for engineers. */
interface Refused {
  readonly slug: string;
  readonly status: string | null;
  readonly detail: string;
}

/** The documented status message for each reason of the bootloader. For "does not fit" none is documented. */
export const STATUS_OF_REFUSAL: Readonly<Record<InstallRefusal, string>> = {
  size: 'Load rejected HC',
  malformed: 'Checksum Error',
  damaged: 'Checksum Error',
  incompatible: 'Load rejected HC',
  signature: 'Auth Fail',
  counter: 'Version error',
  load: 'Version error',
};

interface Download {
  readonly load: string;
  servers: readonly Ipv4[];
  /** What is still to be fetched; an image of ours stands last, so that its slot is only marked once all the rest is there. */
  readonly left: LoadComponent[];
  readonly stored: StoredComponent[];
  image: ImageSink | null;
}

/**
 * An upgrade as the real phone does it: the `.loads` file of the load that the configuration names, then each file that it names. An image in
 * Sepia's own format goes into the slot that is not running; of a vendor's files name, size and digest are kept. Then the phone resets. Whatever goes
 * wrong, it keeps what it runs and goes on.
 */
export class LoadUpdate {
  readonly #phone: PhoneContext;
  #download: Download | null = null;
  #question: number | null = null;
  /** Made when phones are to be asked for a load. */
  #peers: PeerSearch | null = null;

  constructor(phone: PhoneContext) {
    this.#phone = phone;
  }

  /** False again when the phone keeps what it runs; a success ends in a reset. */
  get busy(): boolean {
    return this.#download !== null;
  }

  /** @param loadServer host of `vendorConfig`; with it no other server is asked. */
  begin(now: Instant, load: string, loadServer: string | null): void {
    const { screen, facts, names } = this.#phone;
    screen.starting('Upgrading');
    const download: Download = { load, servers: facts.tftpServers, left: [], stored: [], image: null };
    this.#download = download;
    if (load === this.#imageLoad()) this.#returnToImage(download);
    else if (loadServer === null) this.#askForLoadFile(now, download);
    else this.#question = names.resolve(now, loadServer, (at, answer) => this.#resolved(at, download, answer));
  }

  cancel(now: Instant): void {
    const { names, files } = this.#phone;
    if (this.#download === null) return;
    if (this.#question !== null) names.cancel(now, this.#question);
    else files.cancel();
    this.#peers?.cancel();
    this.#question = null;
    this.#download.image?.abort();
    this.#download = null;
  }

  dispatch(now: Instant): void {
    this.#peers?.dispatch(now);
  }

  pollAt(): Instant {
    return this.#peers?.pollAt() ?? NEVER;
  }

  /** The load name of the image that runs, whatever name the phone shows. */
  #imageLoad(): string {
    const { boot } = this.#phone;
    return boot.services.slots().find((slot) => slot.running)?.load ?? boot.load;
  }

  /** The configuration names the running image again, after a vendor's load was shown for a while. */
  #returnToImage(download: Download): void {
    dropStoredLoad(this.#phone.memory);
    this.#finish(download, 'installed');
  }

  #resolved(now: Instant, download: Download, answer: NameAnswer): void {
    this.#question = null;
    if (answer.ok) {
      download.servers = answer.addresses.slice(0, 1);
      this.#askForLoadFile(now, download);
      return;
    }
    const status = answer.why === 'timeout' ? 'DNS timeout' : 'DNS unknown host';
    this.#refuse(download, { slug: 'server-unknown', status, detail: 'the load server has no address' });
  }

  #askForLoadFile(now: Instant, download: Download): void {
    const name = `${download.load}.loads`;
    this.#phone.files.fetch(now, name, MAX_LOAD_FILE, download.servers, (at, result) => {
      if (result.outcome === 'received') this.#judge(at, download, name, result.octets);
      else this.#refuse(download, refusedFetch(name, result));
    });
  }

  #judge(now: Instant, download: Download, name: string, octets: Uint8Array): void {
    const { settings, hal } = this.#phone;
    const file = judgeLoadFile(name, octets, settings.firmwareKey(), hal.secure);
    if ('outcome' in file) {
      this.#refuse(download, refusedFile(file));
      return;
    }
    const problem = this.#problemOf(download.load, file);
    if (problem !== null) {
      this.#refuse(download, problem);
      return;
    }
    download.left.push(...file.components.filter((one) => !isImage(one)), ...file.components.filter(isImage));
    this.#next(now, download);
  }

  #problemOf(load: string, { components }: LoadFile): Refused | null {
    const images = components.filter(isImage);
    if (images.length > 1) return versionError('several-images', `${images.length} images are named`);
    const [image] = images;
    if (image === undefined) return null;
    // An image that failed its trial would fail it again, and the phone would never do anything else.
    const failed = this.#phone.boot.services
      .slots()
      .find((slot) => slot.state === 'reverted' && slot.load === load && (image.digest ?? slot.digest) === slot.digest);
    if (failed === undefined) return null;
    return versionError('reverted', `the image in slot ${failed.slot} is the same and was reverted`);
  }

  #next(now: Instant, download: Download): void {
    const component = download.left.shift();
    if (component === undefined) {
      this.#allFetched(download);
      return;
    }
    const known = isImage(component) ? undefined : this.#alreadyStored(component.name);
    if (known !== undefined) {
      download.stored.push(known);
      this.#next(now, download);
      return;
    }
    const { settings, hal } = this.#phone;
    if (isImage(component)) {
      if (sharesFirmware(this.#phone)) this.#askPeers(now, download, component);
      else this.#fetchImage(now, download, component);
    } else {
      const progress = this.#progress(download.load, component);
      const sink = new DigestSink(hal.secure, component.name, settings.firmwareKey(), progress);
      this.#fetch(now, download, component.name, sink, () => {
        const stored = sink.rejection === null ? sink.finish() : null;
        if (stored === null) return refusedFile(sink.rejection!);
        download.stored.push(stored);
        return sizeProblem(component, stored);
      });
    }
  }

  #newImage(download: Download, component: LoadComponent): ImageSink {
    const progress = this.#progress(download.load, component);
    const image = new ImageSink(this.#phone.boot.services, component.size, download.load, progress);
    download.image = image;
    return image;
  }

  #fetchImage(now: Instant, download: Download, component: LoadComponent): void {
    const image = this.#newImage(download, component);
    this.#fetch(now, download, component.name, image, () => image.refusal && refusedImage(image.refusal));
  }

  /** A phone of the subnet that runs the load gives its image. Whatever goes wrong, the servers have it too. */
  #askPeers(now: Instant, download: Download, component: LoadComponent): void {
    this.#peers ??= new PeerSearch(this.#phone);
    this.#peers.ask(now, download.load, (at, peer) => {
      if (peer === null) {
        this.#fetchImage(at, download, component);
        return;
      }
      const image = this.#newImage(download, component);
      const done = (later: Instant, { outcome }: FetchResult): void => {
        if (outcome === 'received' && image.finish()) this.#imageInstalled(download);
        else {
          image.abort();
          this.#fetchImage(later, download, component);
        }
      };
      const options = { sink: image, peerPort: peer.port };
      this.#phone.files.fetch(at, `${download.load}.img`, MAX_COMPONENT, [peer.address], done, options);
    });
  }

  /** "For each component not already in flash": file names carry their version. */
  #alreadyStored(name: string): StoredComponent | undefined {
    const { memory, boot } = this.#phone;
    return storedLoad(memory, boot.digest)?.components.find((one) => one.name === name);
  }

  /** @param problem asked when the file is whole, or when its sink wanted no more of it. */
  #fetch(now: Instant, download: Download, name: string, sink: FileSink, problem: () => Refused | null): void {
    const done = (at: Instant, result: FetchResult): void => {
      const ended = result.outcome === 'received' || result.outcome === 'too-large';
      const refused = (ended ? problem() : null) ?? (result.outcome === 'received' ? null : refusedFetch(name, result));
      if (refused === null) this.#next(at, download);
      else this.#refuse(download, refused);
    };
    this.#phone.files.fetch(now, name, MAX_COMPONENT, download.servers, done, { sink });
  }

  #progress(load: string, { name, size }: LoadComponent): (bytes: number) => void {
    const { hal, screen } = this.#phone;
    let told = 0;
    return (bytes) => {
      const steps = Math.floor(size === null || size === 0 ? bytes / PROGRESS_STEP : (10 * bytes) / size);
      if (steps === told) return;
      told = steps;
      hal.trace.event('load.progress', { load, file: name, bytes, size });
      screen.starting(size === null ? 'Upgrading' : `Upgrading ${Math.min(100, 10 * steps)}%`);
    };
  }

  #allFetched(download: Download): void {
    const { boot, memory } = this.#phone;
    const { load, image, stored } = download;
    if (image !== null) {
      if (image.finish()) this.#imageInstalled(download);
      else this.#refuse(download, refusedImage(image.refusal!));
      return;
    }
    const error = storeLoad(memory, { load, image: boot.digest, components: stored });
    if (error === null) this.#finish(download, 'stored');
    else this.#refuse(download, { slug: 'storage-full', status: STATUS_OF_REFUSAL.size, detail: error });
  }

  #imageInstalled(download: Download): void {
    dropStoredLoad(this.#phone.memory);
    this.#finish(download, 'installed');
  }

  #finish({ load }: Download, outcome: 'installed' | 'stored'): void {
    const { hal, boot } = this.#phone;
    hal.trace.event('load.update', { from: boot.load, to: load, outcome });
    hal.power.reset('load-update');
  }

  #refuse(download: Download, { slug, status, detail }: Refused): void {
    const { hal, boot, facts } = this.#phone;
    download.image?.abort();
    this.#download = null;
    if (status !== null) this.#phone.status.report(status);
    facts.loadRejected = status === STATUS_OF_REFUSAL.incompatible;
    hal.trace.event('load.update', {
      from: boot.load,
      to: download.load,
      outcome: 'rejected',
      reason: `load.${slug}`,
      detail,
    });
  }
}

function versionError(slug: string, detail: string): Refused {
  return { slug, status: 'Version error', detail };
}

function refusedImage({ kind, detail }: { readonly kind: InstallRefusal; readonly detail: string }): Refused {
  return { slug: kind, status: STATUS_OF_REFUSAL[kind], detail };
}

function refusedFile({ reason, detail }: Rejected): Refused {
  const aboutContent = reason === 'wrong-name' || reason === 'malformed' || reason === 'empty-file';
  return aboutContent ? versionError(reason, detail) : { slug: reason, status: 'Auth Fail', detail };
}

function refusedFetch(name: string, result: Exclude<FetchResult, { outcome: 'received' }>): Refused {
  const detail = `${name}: ${result.outcome}`;
  switch (result.outcome) {
    case 'not-found':
      return { slug: 'not-found', status: `File Not Found: ${name}`, detail };
    case 'timeout':
      return { slug: 'timeout', status: 'TFTP timeout', detail };
    case 'too-large':
      return versionError('too-large', detail);
    case 'error':
      // Error code 2 is "access violation" (RFC 1350 section 5).
      return { slug: 'error', status: result.code === 2 ? 'TFTP access error' : 'TFTP error', detail };
  }
}

function sizeProblem(component: LoadComponent, { size }: StoredComponent): Refused | null {
  if (component.size === null || component.size === size || hasHeader(component.name)) return null;
  const detail = `${component.name} has ${size} octets, not ${component.size}`;
  return { slug: 'malformed', status: STATUS_OF_REFUSAL.malformed, detail };
}
