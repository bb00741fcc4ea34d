import type { BootRecord } from '../../hal/entry-points.ts';
import type { Hal } from '../../hal/hal.ts';
import type { StageName } from '../../hal/trace.ts';
import { FLASH_MAP } from '../../storage/flash-map.ts';
import { RecordStore } from '../../storage/record-store.ts';
import { Settings } from '../../storage/settings.ts';
import { Completions } from '../net/completions.ts';
import type { Stack } from '../net/stack.ts';
import { Screen } from '../phone/screen.ts';
import { StatusLog } from '../phone/status-log.ts';
import { FileFetcher } from './file-fetcher.ts';
import { NameResolver } from './name-resolver.ts';
import { noFacts, type PhoneContext } from './phone-context.ts';
import type { SequencerObserver } from './sequencer.ts';

/** The parts of a phone around its stack, for the firmware and for the recovery payload. @param memory the open settings region. */
export function newPhoneContext(hal: Hal, boot: BootRecord, stack: Stack, memory: RecordStore): PhoneContext {
  const { rng, trace, tunables, board } = hal;
  return {
    hal,
    boot,
    stack,
    completions: new Completions(),
    names: new NameResolver(stack, rng, tunables),
    files: new FileFetcher(stack, trace, tunables, board.model),
    settings: new Settings(memory),
    memory,
    trust: RecordStore.open(hal.flash, FLASH_MAP.trust),
    status: new StatusLog(trace),
    screen: new Screen(hal.panel, board.model.platform),
    facts: noFacts(),
  };
}

/** What comes between an address and a registration. */
const FILE_STEPS: ReadonlySet<StageName> = new Set(['ctl-file', 'itl-file', 'configuration']);

/** Tells each stage to the trace and to the screen. */
export function stageObserver(phone: PhoneContext, completed: () => void): SequencerObserver {
  const { trace } = phone.hal;
  return {
    entered: (_now, stage) => {
      trace.event('stage.enter', { stage: stage.name });
      const { showsFileSteps } = phone.hal.board.model;
      const shows = showsFileSteps || !FILE_STEPS.has(stage.name);
      if (stage.screenText !== null && shows) phone.screen.starting(stage.screenText);
    },
    left: (_now, stage, outcome, reason) => {
      trace.event('stage.leave', reason === undefined ? { stage, outcome } : { stage, outcome, reason });
    },
    completed,
  };
}
