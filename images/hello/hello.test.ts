import { describe, expect, it } from 'vitest';
import { finish, sum } from '../../firmware/wire/checksum.ts';
import { SECOND } from '../../hal/timer.ts';
import { blankFlash } from '../../test/support/flash-bench.ts';
import { TestBoards } from '../../test/support/test-board.ts';
import { createFlash } from '../flash-tool.ts';
import { developmentKey } from '../key.ts';
import { allManifests, HELLO } from '../manifests.ts';
import { packImage } from '../pack.ts';
import { bundlePayload } from '../payload.ts';

const IDENTITY = { model: '7975', mac: 0x020000000000, serial: 'FCH1402A1B2', hardwareRevision: '1' };
const PEER = '020000000099';
const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'));

/** Who has 192.0.2.75, tell 192.0.2.1 (RFC 826). */
const ARP_REQUEST = hex(`ffffffffffff ${PEER} 0806 0001 0800 06 04 0001 ${PEER} c0000201 000000000000 c000024b`);

/** An echo request (RFC 792) from 192.0.2.1 with 40 octets of data. */
function echoRequest(mac: string): Uint8Array {
  const frame = hex(
    `${mac} ${PEER} 0800 4500 0044 1234 0000 40 01 0000 c0000201 c000024b 0800 0000 0007 0001 ${'5a'.repeat(40)}`,
  );
  const put = (offset: number, checksum: number): void => void frame.set([checksum >> 8, checksum & 0xff], offset);
  put(24, finish(sum(frame, 14, 20)));
  put(36, finish(sum(frame, 34, frame.length - 34)));
  return frame;
}

async function helloWorld() {
  const manifest = allManifests().find((each) => each.name === HELLO)!;
  const image = packImage(await bundlePayload(manifest.entry), manifest, developmentKey());
  const boards = new TestBoards();
  const flash = blankFlash();
  createFlash(flash, { identity: IDENTITY, bootKeys: [developmentKey().bootKey], image });
  const lamps: string[] = [];
  const phone = boards.add(flash, {
    sinks: { trace: () => {}, panel: (_phone, state) => void lamps.push(state.leds.mute) },
  });
  const heard: Uint8Array[] = [];
  const far = boards.cables[0]!.b;
  far.attach({ frame: (bytes, length) => void heard.push(bytes.slice(0, length)), link: () => {} });
  phone.powerOn();
  const run = (seconds: number) => boards.timeline.runUntil(boards.timeline.now() + seconds * SECOND);
  run(1);
  return { phone, heard, far, run, lamps };
}

describe('the hello image', () => {
  it('runs on a board and blinks once a second', async () => {
    const { phone, run, lamps } = await helloWorld();
    run(5);
    expect(phone.state).toBe('running');
    const shown = lamps.slice(lamps.indexOf('on'));
    expect(shown.length).toBeGreaterThanOrEqual(5);
    expect(shown).toEqual(shown.map((_, index) => (index % 2 === 0 ? 'on' : 'off')));
  });

  it('answers ARP and ping', async () => {
    const { phone, heard, far, run } = await helloWorld();
    const mac = phone.board.mac.toString(16).padStart(12, '0');
    far.transmit(ARP_REQUEST, ARP_REQUEST.length);
    run(0.1);
    const reply = hex(`${PEER} ${mac} 0806 0001 0800 06 04 0002 ${mac} c000024b ${PEER} c0000201`);
    expect(heard[0]).toEqual(new Uint8Array([...reply, ...new Uint8Array(18)]));

    const request = echoRequest(mac);
    far.transmit(request, request.length);
    run(0.1);
    const echo = heard[1]!;
    expect(Buffer.from(echo.subarray(0, 14)).toString('hex')).toBe(`${PEER}${mac}0800`);
    expect(Buffer.from(echo.subarray(26, 36)).toString('hex')).toBe('c000024bc00002010000');
    expect(finish(sum(echo, 14, 20)), 'IPv4 header').toBe(0);
    expect(finish(sum(echo, 34, echo.length - 34)), 'ICMP').toBe(0);
    expect(echo.subarray(38)).toEqual(request.subarray(38));
  });

  it('takes no notice of pings for others, and of frames cut short', async () => {
    const { phone, heard, far, run } = await helloWorld();
    const request = echoRequest(phone.board.mac.toString(16).padStart(12, '0'));
    for (let length = 14; length < 42; length++) far.transmit(request, length);
    request[33] = 1;
    far.transmit(request, request.length);
    run(0.1);
    expect(heard).toEqual([]);
    expect(phone.state).toBe('running');
  });
});
