import type { FetchResult } from '../../firmware/startup/file-fetcher.ts';
import { ImageSink } from '../../firmware/startup/load-sinks.ts';
import { STATUS_OF_REFUSAL } from '../../firmware/startup/load-update.ts';
import type { PhoneContext } from '../../firmware/startup/phone-context.ts';
import type { Stage, StageOutput } from '../../firmware/startup/stage.ts';
import { type Instant, NEVER, SECOND } from '../../hal/timer.ts';
import { imageCapacity } from '../../storage/flash-map.ts';

/** The largest image that any slot takes. */
const MAX_IMAGE = imageCapacity('A');

/**
 * What recovery is for: fetches the model's default load from the TFTP server, installs it in a slot and resets. A name that the server does not
 * have gives way to the load of the other protocol; then the stage waits and begins again, for as long as it takes.
 */
export class ImageStage implements Stage {
  readonly name = 'image';
  readonly screenText = 'Upgrading';
  readonly #phone: PhoneContext;
  readonly #names: readonly string[];
  #output: StageOutput | null = null;

  constructor(phone: PhoneContext) {
    this.#phone = phone;
    const { protocols, loads } = phone.hal.board.model;
    this.#names = protocols.map((protocol) => loads[protocol]).filter((load) => load !== undefined);
  }

  enter(now: Instant): void {
    this.#fetch(now, 0, 'load.none');
  }

  undo(): void {
    this.#phone.files.cancel();
    this.#output = null;
  }

  dispatch(_now: Instant, emit: (output: StageOutput) => void): void {
    const output = this.#output;
    this.#output = null;
    if (output !== null) emit(output);
  }

  pollAt(): Instant {
    return this.#output === null ? NEVER : 0;
  }

  #fetch(now: Instant, index: number, failure: string): void {
    const { files, facts } = this.#phone;
    const load = this.#names[index];
    if (load === undefined) {
      this.#fail(now, failure);
      return;
    }
    const sink = new ImageSink(this.#phone.boot.services, null, null, () => {});
    const done = (at: Instant, result: FetchResult): void => this.#fetched(at, index, result, sink);
    files.fetch(now, `${load}.img`, MAX_IMAGE, facts.tftpServers, done, { sink });
  }

  #fetched(now: Instant, index: number, result: FetchResult, sink: ImageSink): void {
    const load = this.#names[index]!;
    const { status, hal, boot } = this.#phone;
    const update = { from: boot.load, to: load };
    if (result.outcome === 'received' && sink.finish()) {
      hal.trace.event('load.update', { ...update, outcome: 'installed' });
      this.#output = { kind: 'done', reason: load };
      return;
    }
    sink.abort();
    if (sink.refusal !== null) {
      const { kind, detail } = sink.refusal;
      status.report(STATUS_OF_REFUSAL[kind]);
      hal.trace.event('load.update', { ...update, outcome: 'rejected', reason: `load.${kind}`, detail });
      this.#fetch(now, index + 1, 'load.rejected');
      return;
    }
    status.report(result.outcome === 'not-found' ? `File Not Found: ${load}.img` : 'TFTP error');
    this.#fetch(now, index + 1, `load.${result.outcome}`);
  }

  #fail(now: Instant, reason: string): void {
    const retryAt = now + this.#phone.hal.tunables['config.retryLoop'] * SECOND;
    this.#output = { kind: 'failed', reason, retry: { at: retryAt, from: 'tftp-server' } };
  }
}
