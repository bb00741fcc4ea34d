import { describe, expect, it } from 'vitest';
import { TestWorld, type TestWorldOptions } from '../support/test-world.ts';

/** A 6961: SCCP, and by its load HTTP before TFTP. */
function booted(options: TestWorldOptions = {}, prepare: (world: TestWorld) => void = () => {}): TestWorld {
  const world = new TestWorld({ model: '6961', ...options });
  prepare(world);
  world.powerOn(0);
  world.runUntil('registration.accepted', 300);
  return world;
}

/** `via name: outcome` of every file, in order. */
function files(world: TestWorld): string[] {
  return world
    .all('file.done')
    .map(({ via, name, outcome }) => `${via} ${name.replace(/SEP[0-9A-F]{12}/, 'SEP')}: ${outcome}`);
}

describe('a phone whose load asks by HTTP on port 6970 first', () => {
  it('gets what is there by HTTP, and asks for what is missing by TFTP too', () => {
    expect(files(booted()).slice(0, 7)).toEqual([
      'http CTLSEP.tlv: not-found',
      'tftp CTLSEP.tlv: not-found',
      'http ITLSEP.tlv: not-found',
      'tftp ITLSEP.tlv: not-found',
      'http ITLFile.tlv: not-found',
      'tftp ITLFile.tlv: not-found',
      'http SEP.cnf.xml: received',
    ]);
  });

  it('waits 0.63 s between the failure by HTTP and the request by TFTP', () => {
    const world = booted();
    const failed = world.events.find(({ type }) => type === 'file.done')!;
    const again = world.events.find(({ type, fields }) => type === 'file.request' && fields.via === 'tftp')!;
    expect(again.at - failed.at).toBeCloseTo(0.63, 3);
  });

  it('begins with HTTP again for each file, also when the port is closed', () => {
    const world = booted({ lab: { http: false } });
    expect(files(world)).toContain('http SEP.cnf.xml: error');
    expect(files(world)).toContain('tftp SEP.cnf.xml: received');
  });

  it('takes 503 of a server that is busy for a failure by HTTP like any other', () => {
    const world = booted({}, ({ lab }) => {
      lab.http[0]!.busy = true;
    });
    expect(files(world)).toContain('http SEP.cnf.xml: error');
    expect(files(world)).toContain('tftp SEP.cnf.xml: received');
    expect(world.lab.http[0]!.counters.busy).toBeGreaterThan(0);
  });

  it('comes up from a server that knows HTTP only: 404 is an answer, whatever TFTP says', () => {
    const world = booted({}, ({ lab }) => lab.tftp[0]!.stop());
    expect(world.outcomes()).toMatchObject({
      'ctl-file': 'skipped (ctl.not-found)',
      configuration: 'done (config.own)',
    });
    expect(world.statuses()).not.toContain('TFTP timeout');
  });

  it('goes to the second server by HTTP when the first answers by neither', () => {
    const world = booted({ lab: { tftpServers: 2 } }, ({ lab }) => {
      lab.tftp[0]!.stop();
      lab.http[0]!.stop();
    });
    const received = world.all('file.done').filter(({ outcome }) => outcome === 'received');
    expect(received[0]).toMatchObject({ server: '10.100.0.4', via: 'http' });
  });
});

describe('a phone that knows TFTP only', () => {
  it('never asks by HTTP', () => {
    const world = booted({ model: '7960' });
    expect(world.lab.http[0]!.counters.requests).toBe(0);
    expect(files(world).every((line) => line.startsWith('tftp '))).toBe(true);
  });

  it('asks by HTTP first when its load is said to do so', () => {
    const world = booted({ model: '7975', tunables: { 'file.transport': 'http-first' } });
    expect(files(world)).toContain('http SEP.cnf.xml: received');
  });
});
