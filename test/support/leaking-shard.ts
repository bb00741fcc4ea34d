/** A worker thread with one phone in it, as a shard of a fleet is: boots the image it is given and follows its timeline for a minute. */
import { workerData } from 'node:worker_threads';
import { MINUTE } from '../../hal/timer.ts';
import { createFlash, developmentKey, installInto } from '../../images/public.ts';
import { blankFlash } from './flash-bench.ts';
import { TestBoards } from './test-board.ts';

const image = workerData as Uint8Array;
const boards = new TestBoards();
const flash = blankFlash();
createFlash(flash, {
  identity: { model: '7975', mac: 0x020000000000, serial: 'FCH1402A1B2', hardwareRevision: '1' },
  bootKeys: [developmentKey().bootKey],
});
installInto(flash, image, { confirmed: true });
boards.add(flash).powerOn();
boards.timeline.runUntil(1 * MINUTE);
