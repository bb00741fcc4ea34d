import { describe, expect, it } from 'vitest';
import { type Instant, NEVER } from '../../hal/timer.ts';
import type { StageName } from '../../hal/trace.ts';
import { Sequencer } from './sequencer.ts';
import type { Stage, StageOutput } from './stage.ts';

/** A stage that says what the test puts into its mouth. */
class ScriptedStage implements Stage {
  readonly name: StageName;
  readonly screenText = null;
  readonly #log: string[];
  next: StageOutput | null = null;

  constructor(name: StageName, log: string[]) {
    this.name = name;
    this.#log = log;
  }

  enter(): void {
    this.#log.push(`enter ${this.name}`);
  }

  undo(): void {
    this.#log.push(`undo ${this.name}`);
  }

  dispatch(_now: Instant, emit: (output: StageOutput) => void): void {
    const next = this.next;
    this.next = null;
    if (next !== null) emit(next);
  }

  pollAt(): Instant {
    return this.next === null ? NEVER : 0;
  }
}

function rig() {
  const log: string[] = [];
  const vlan = new ScriptedStage('voice-vlan', log);
  const address = new ScriptedStage('address', log);
  const callManager = new ScriptedStage('call-manager', log);
  const sequencer = new Sequencer([vlan, address, callManager], {
    entered: () => {},
    left: (_now, stage, outcome, reason) => log.push(`leave ${stage} ${outcome} ${reason ?? ''}`.trim()),
    completed: () => log.push('complete'),
  });
  const say = (now: Instant, stage: ScriptedStage, output: StageOutput) => {
    stage.next = output;
    sequencer.dispatch(now);
  };
  sequencer.start(0);
  return { log, vlan, address, callManager, sequencer, say };
}

describe('the sequencer', () => {
  it('enters the stages in order and completes after the last', () => {
    const { log, vlan, address, callManager, sequencer, say } = rig();
    say(1, vlan, { kind: 'skipped', reason: 'vlan.none' });
    say(2, address, { kind: 'done' });
    say(3, callManager, { kind: 'done' });
    expect(log).toEqual([
      'enter voice-vlan',
      'leave voice-vlan skipped vlan.none',
      'enter address',
      'leave address done',
      'enter call-manager',
      'leave call-manager done',
      'complete',
    ]);
    expect(sequencer.current).toBeNull();
  });

  it('waits after a failure and enters the named stage again, undoing what lies between', () => {
    const { log, vlan, address, callManager, sequencer, say } = rig();
    say(1, vlan, { kind: 'done' });
    say(2, address, { kind: 'done' });
    log.length = 0;
    say(3, callManager, { kind: 'failed', reason: 'register.rejected', retry: { at: 50, from: 'address' } });
    expect(sequencer.pollAt()).toBe(50);
    sequencer.dispatch(49);
    expect(log).toEqual(['leave call-manager failed register.rejected']);
    sequencer.dispatch(50);
    expect(log.slice(1)).toEqual(['undo call-manager', 'enter address']);
  });

  it('goes on after the failure of something optional', () => {
    const { log, vlan, say } = rig();
    say(1, vlan, { kind: 'failed', reason: 'tftp.timeout', retry: null });
    expect(log.at(-1)).toBe('enter address');
  });

  it('goes back when a finished stage loses its result, also from the completed state', () => {
    const { log, vlan, address, callManager, sequencer, say } = rig();
    say(1, vlan, { kind: 'done' });
    say(2, address, { kind: 'done' });
    say(3, callManager, { kind: 'done' });
    log.length = 0;
    say(4, vlan, { kind: 'lost', reason: 'link.down' });
    expect(log).toEqual(['undo call-manager', 'undo address', 'enter voice-vlan']);
    expect(sequencer.current).toBe('voice-vlan');
  });

  it('closes the stage it was in when an earlier one is lost, and ignores what that stage says afterwards', () => {
    const { log, vlan, address, sequencer, say } = rig();
    say(1, vlan, { kind: 'done' });
    log.length = 0;
    say(2, vlan, { kind: 'lost', reason: 'vlan.changed' });
    expect(log).toEqual(['leave address failed vlan.changed', 'undo address', 'enter voice-vlan']);
    say(3, address, { kind: 'done' });
    expect(sequencer.current).toBe('voice-vlan');
  });
});
